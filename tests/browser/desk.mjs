// An operator at the operators' page.

import { Person } from './person.mjs';

// The secret of the operator `anna`, and how a gateway is told.
export const TOKEN = '0123456789abcdefghij';
export const WITH_TOKEN = ['--ops-token', `anna:${TOKEN},ben:klmnopqrst0123456789`];

export class Desk extends Person {
  address = (system) => `http://127.0.0.1:${system.opsPort}`;
  // A gateway that is not there, and what it refuses: the page says so, and so does the browser.
  expected = /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|status of (401|403|409|503)/;

  static async open(browser, system, options = {}) {
    return super.open(browser, system, { width: 1200, height: 800, ...options });
  }

  async signIn(token = TOKEN) {
    await this.page.getByLabel('Token').fill(token);
    await this.press('Sign in');
  }

  // Signed in, and at one of the tabs.
  static async at(tab, browser, system, options) {
    const desk = await Desk.open(browser, system, options);
    await desk.signIn();
    await desk.heading('Now');
    if (tab !== 'Now') await desk.tab(tab);
    return desk;
  }

  tab = (name) => this.page.getByRole('navigation').getByRole('link', { name }).click();

  graph = (name) => this.page.getByRole('combobox', { name: 'Graph' }).selectOption(name);

  // Rows of the audit: [who, what, about, outcome, found, graph] each, newest first.
  async audit() {
    await this.tab('Now');
    await this.tab('Audit');
    await this.page.locator('table.plain tbody tr').first().waitFor();
    const rows = await this.page.locator('table.plain tbody tr').evaluateAll((rows) =>
      rows.map((row) => [...row.cells].slice(1).map((cell) => cell.textContent.trim())));
    return rows;
  }

  // Makes posters; gives their links.
  async posters(name, rooms = []) {
    await this.page.getByLabel('Address of the visitors').fill(this.system.url);
    await this.page.getByLabel('Name of the place').fill(name);
    await this.page.getByLabel('Rooms or sections').fill(rooms.join('\n'));
    await this.press('Make posters');
    await this.page.locator('.posters article').nth(Math.max(rooms.length, 1) - 1).waitFor();
    return this.page.locator('.posters .link a').evaluateAll((links) => links.map((link) => link.href));
  }
}
