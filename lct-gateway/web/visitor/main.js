// Starts the page: the service worker, the model, and drawing whenever the model changed.

import { html, render } from '/common/html.js';
import { Model } from '/model.js';
import { App } from '/views/app.js';

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

// Never a blank page. What went wrong is said on the console of this browser and nowhere else.
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

if (navigator.serviceWorker) {
  // The one script address made at run time, so the one that needs a policy.
  const address = globalThis.trustedTypes
    ? trustedTypes.createPolicy('lct', { createScriptURL: () => '/sw.js' }).createScriptURL('')
    : '/sw.js';
  navigator.serviceWorker.register(address).catch(() => {}); // without it the page needs a net to open
}
