// A visitor's phone, and what its owner does with the page.

import { Person } from './person.mjs';

// Gives a page what phones have and Chromium on Linux has not: a reader of codes. It reads what `look` makes of the picture,
// else what is in `seen`. `cameras` are the streams that were opened; `refusal` is the error that opening ends with, where there
// is to be one.
export function reader() {
  Object.assign(globalThis, { seen: [], cameras: [], refusal: '' });
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (open) {
    devices.getUserMedia = async (wanted) => {
      if (globalThis.refusal) throw new DOMException('no camera', globalThis.refusal);
      const stream = await open(wanted);
      globalThis.cameras.push(stream);
      return stream;
    };
  }
  globalThis.BarcodeDetector = class {
    static getSupportedFormats = async () => ['qr_code'];

    async detect(video) {
      if (video.readyState < 2) throw new DOMException('no picture', 'InvalidStateError');
      const codes = globalThis.look ? await globalThis.look(video) : globalThis.seen;
      return codes.map((rawValue) => ({ rawValue }));
    }
  };
}

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

  // Which of the cameras that were opened are on.
  cameras = () => this.page.evaluate(() => globalThis.cameras.map((stream) => stream.getTracks().some((track) => track.readyState === 'live')));

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
