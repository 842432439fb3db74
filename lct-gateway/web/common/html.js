// Templates: htm's syntax, drawn by preact. Values become text, never markup.

import htm from '/vendor/htm/htm.mjs';
import { Component, createRef, h, render } from '/vendor/preact/preact.mjs';

export const html = htm.bind(h);
export { Component, createRef, render };
