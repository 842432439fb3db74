// Templates: htm's syntax, drawn by preact. Values become text, never markup.

import htm from '/vendor/htm/htm.mjs';
import { Component, createRef, h, render } from '/vendor/preact/preact.mjs';

export const html = htm.bind(h);
export { Component, createRef };

// Starts a page: its model, and drawing it by `App` whenever it changed. Never a blank page: what cannot be drawn, or goes
// wrong unheard, becomes the phase `failed`. What went wrong is said on the console of this browser and nowhere else.
export function startPage(Model, App) {
  const page = document.getElementById('page');
  let due = false;
  const model = new Model(() => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      draw();
    });
  });

  function draw() {
    try {
      render(html`<${App} model=${model} />`, page);
    } catch (error) {
      failed(error);
    }
  }

  function failed(error) {
    console.error(error);
    if (model.phase === 'failed') return;
    model.phase = 'failed';
    render(null, page);
    draw();
  }

  addEventListener('unhandledrejection', ({ reason }) => failed(reason));
  page.replaceChildren();
  draw();
  model.begin().catch(failed);
}
