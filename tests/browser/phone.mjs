// A visitor's phone, and what its owner does with the page.

import { Person } from './person.mjs';

export class Phone extends Person {
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
}
