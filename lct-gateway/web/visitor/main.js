// Starts the page and its service worker.

import { startPage } from '/common/html.js';
import { Model } from '/model.js';
import { App } from '/views/app.js';

startPage(Model, App);

if (navigator.serviceWorker) {
  // The one script address made at run time, so the one that needs a policy.
  const address = globalThis.trustedTypes
    ? trustedTypes.createPolicy('lct', { createScriptURL: () => '/sw.js' }).createScriptURL('')
    : '/sw.js';
  navigator.serviceWorker.register(address).catch(() => {}); // without it the page needs a net to open
}
