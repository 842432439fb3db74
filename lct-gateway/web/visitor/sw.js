// Keeps the page, so that it opens without a net. The gateway puts a line before this file that defines SHELL: which files
// make the page, and in which version; so a new version is a new service worker. What people do is never kept here: /ws and
// /v1 go to the network alone.
/* global SHELL */

const NAME = `lct-${SHELL.version}`;

self.addEventListener('install', (event) => {
  const fill = async () => {
    const cache = await caches.open(NAME);
    // All files of one version: asked anew, and none or all.
    await cache.addAll(SHELL.paths.map((path) => new Request(path, { cache: 'no-cache' })));
    await self.skipWaiting();
  };
  event.waitUntil(fill());
});

self.addEventListener('activate', (event) => {
  const tidy = async () => {
    const others = (await caches.keys()).filter((name) => name !== NAME);
    await Promise.all(others.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== location.origin) return;
  const path = mode === 'navigate' && (pathname === '/' || pathname === '/c') ? '/' : pathname;
  if (!SHELL.paths.includes(path)) return;
  const answer = async () => (await (await caches.open(NAME)).match(path)) ?? fetch(event.request);
  event.respondWith(answer());
});
