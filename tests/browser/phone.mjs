// A phone: a browser context of its own, and what a person does with the page.

import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { CHROMIUM } from './system.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export const launch = () => chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});

export class Phone {
  // Opens the page. Whatever leaves the page's origin, breaks its policy or is said on the console as an error is noted.
  static async open(browser, system, { path = '/', locale = 'en-GB', width = 390, height = 844, scheme = 'light', init } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      locale,
      colorScheme: scheme,
      reducedMotion: 'reduce',
      timezoneId: 'Europe/Madrid',
      acceptDownloads: true,
      deviceScaleFactor: 1,
    });
    const phone = new Phone();
    Object.assign(phone, { context, system, foreign: [], errors: [], requests: [] });
    context.on('request', (request) => {
      phone.requests.push(request);
      const { origin, protocol } = new URL(request.url());
      if (origin !== system.url && protocol !== 'blob:') phone.foreign.push(request.url());
    });
    phone.page = await context.newPage();
    phone.page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(system.url).host) phone.foreign.push(socket.url());
    });
    phone.page.on('pageerror', (error) => phone.errors.push(String(error)));
    phone.page.on('console', (message) => {
      // A gateway that is not there is part of the game, and the browser says so.
      const expected = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;
      if (message.type() === 'error' && !expected.test(message.text())) phone.errors.push(message.text());
    });
    await phone.page.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    if (init) await phone.page.addInitScript(init);
    await phone.page.goto(system.url + path);
    return phone;
  }

  button = (name, options = {}) => this.page.getByRole('button', { name, ...options });
  press = (name, options) => this.button(name, options).click();
  tab = (name) => this.page.getByRole('navigation').getByRole('button', { name }).click();
  sees = (text, options = {}) => this.page.getByText(text, options).first().waitFor({ timeout: options.timeout ?? 15_000 });
  heading = (name) => this.page.getByRole('heading', { level: 1, name }).waitFor({ timeout: 15_000 });
  confirm = (name) => this.page.getByRole('dialog').getByRole('button', { name }).click();

  // The first start; gives the key code.
  async begin() {
    await this.press('Start', { exact: true });
    const code = (await this.page.locator('.keycode').innerText()).trim().split(/\s+/).join('-');
    await this.press('I have kept it');
    return code;
  }

  // Waits until the line is up: nothing is said about it then.
  online = () => this.page.locator('.line.online').waitFor({ state: 'attached', timeout: 30_000 });

  async checkIn(path) {
    await this.page.goto(this.system.url + path);
    await this.press('Check in now');
    await this.sees('You are here');
  }

  // A check-in, answered by the server.
  async logged() {
    await this.tab('Calendar');
    await this.sees('Sent', { exact: true });
  }

  async warn(reason = 'I tested positive') {
    await this.tab('Warn');
    await this.page.getByRole('radio', { name: reason }).check();
    const since = this.page.getByLabel(/First day of symptoms/);
    if (await since.count()) await since.fill(new Date(Date.now() - 86_400_000).toISOString().slice(0, 10));
    await this.press('Go on');
    await this.confirm('Warn');
  }

  // What axe finds wrong, in short.
  async violations() {
    await this.page.evaluate(await readFile(axe, 'utf8'));
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
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
