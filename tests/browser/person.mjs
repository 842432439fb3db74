// A person with a browser context of their own, and what they do with a page.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { CHROMIUM } from './system.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

// A browser with a camera that every page may use: it shows a film, where `more` names its file, else a moving pattern.
export const launch = (more = []) => chromium.launch({
  executablePath: CHROMIUM,
  args: [...QUIET, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', ...more],
});

export class Person {
  // Opens the page. Whatever leaves the page's origin, breaks its policy or is said on the console as an error is noted.
  static async open(browser, system, { path = '/', locale = 'en-GB', width = 390, height = 844, scheme = 'light', permissions = [], init } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      locale,
      colorScheme: scheme,
      reducedMotion: 'reduce',
      timezoneId: 'Europe/Madrid',
      acceptDownloads: true,
      permissions,
      deviceScaleFactor: 1,
    });
    const person = new this();
    const { origin: own, host } = new URL(person.address(system));
    Object.assign(person, { context, system, foreign: [], errors: [], requests: [] });
    context.on('request', (request) => {
      person.requests.push(request);
      const { origin, protocol } = new URL(request.url());
      if (origin !== own && protocol !== 'blob:') person.foreign.push(request.url());
    });
    person.page = await context.newPage();
    person.page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) person.foreign.push(socket.url());
    });
    person.page.on('pageerror', (error) => person.errors.push(String(error)));
    person.page.on('console', (message) => {
      if (message.type() === 'error' && !person.expected.test(message.text())) person.errors.push(message.text());
    });
    await person.page.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    if (init) await person.page.addInitScript(init);
    await person.page.goto(person.address(system) + path);
    return person;
  }

  // Where the page is; phones and operators have addresses of their own.
  address = (system) => system.url;
  // What the browser says on its console that is part of the game: a gateway that is not there.
  expected = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;

  button = (name, options = {}) => this.page.getByRole('button', { name, ...options });
  press = (name, options) => this.button(name, options).click();
  tab = (name) => this.page.getByRole('navigation').getByRole('button', { name }).click();
  sees = (text, options = {}) => this.page.getByText(text, options).first().waitFor({ timeout: options.timeout ?? 15_000 });
  heading = (name) => this.page.getByRole('heading', { level: 1, name }).waitFor({ timeout: 15_000 });
  confirm = (name) => this.page.getByRole('dialog').getByRole('button', { name }).click();

  // Something in the page goes wrong that nobody thought of.
  breaks = () => this.page.evaluate(() => void Promise.reject(new Error('made to fail')));

  // What axe finds wrong, in short.
  async violations() {
    await this.page.evaluate(await readFile(axe, 'utf8'));
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
  }

  // The same, and what else is wrong with a state: too wide, not one h1, targets too small for a finger.
  async flaws() {
    const layout = await this.page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - innerWidth,
      headings: document.querySelectorAll('h1').length,
      small: [...document.querySelectorAll('button, select, input:not([type=radio]), textarea, summary, label.choice, nav a')]
        .map((element) => [element.textContent.trim().slice(0, 30), element.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 0 && (width < 44 || height < 44))
        .map(([text, { width, height }]) => `${text} ${width}×${height}`),
    }));
    return [
      ...(await this.violations()),
      ...(layout.wide > 0 ? [`${layout.wide} px too wide`] : []),
      ...(layout.headings === 1 ? [] : [`${layout.headings} h1`]),
      ...layout.small.map((what) => `smaller than 44 px: ${what}`),
    ];
  }

  // Nothing left the origin, nothing broke the policy, nothing went wrong.
  async close() {
    const broken = await this.page.evaluate(() => globalThis.violations).catch(() => []);
    await this.context.close();
    assert.deepEqual(this.foreign, [], 'no request leaves the origin');
    assert.deepEqual(broken, [], 'nothing breaks the content security policy');
    assert.deepEqual(this.errors, [], 'nothing goes wrong in the browser');
  }
}

// What the first visit to a page costs, on a CPU four times slower: requests, bytes with their headers, bytes of bodies as
// they were sent, and milliseconds to the first paint.
export async function weigh(browser, url, ready) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  const tools = await context.newCDPSession(page);
  await tools.send('Network.enable');
  await tools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  let bytes = 0;
  let requests = 0;
  tools.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    requests += 1;
  });
  await page.goto(url, { waitUntil: 'networkidle' });
  await ready(page);
  const paint = await page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime));
  const body = await page.evaluate(() => performance.getEntriesByType('resource').reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0));
  await context.close();
  return { requests, bytes, body, paint };
}

// Holds what was weighed against a budget, and says what it was.
export function within(t, budget, { requests, bytes, body, paint }) {
  t.diagnostic(`${requests} requests, ${bytes} bytes with their headers, ${body} compressed without; first paint ${paint} ms on a CPU four times slower`);
  assert.ok(body <= budget.body, `${body} bytes of bodies`);
  assert.ok(bytes <= budget.bytes, `${bytes} bytes`);
  assert.ok(requests <= budget.requests, `${requests} requests`);
}

// The screens on which every state of a page is looked at.
export const SCREENS = [
  ['a phone', { width: 390, height: 844, scheme: 'light' }],
  ['a small phone in the dark', { width: 320, height: 568, scheme: 'dark' }],
  ['a desk', { width: 1200, height: 800, scheme: 'light' }],
];
