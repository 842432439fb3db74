// The visitors' page in a real browser, before a real gateway and a real Redis with the module.

import { strict as assert } from 'node:assert';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import encodeQR from 'qr';
import decodeQR from 'qr/decode.js';
import { SCREENS, launch, weigh, within } from './person.mjs';
import { Phone, reader } from './phone.mjs';
import { WITH_PLACE_KEY, placeLink, signedLink, states } from './states.mjs';
import { System, sleep, until } from './system.mjs';

let browser;
let system;

before(async () => {
  browser = await launch();
  system = await System.start();
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

// Phones that have started and are connected.
async function phones(count, on = system, options = {}) {
  const all = [];
  for (let i = 0; i < count; i += 1) {
    const phone = await Phone.open(browser, on, options);
    phone.code = await phone.begin();
    await phone.online();
    all.push(phone);
  }
  return all;
}

const open = (on = system, options = {}) => phones(1, on, options).then(([phone]) => phone);

// The visits at the server, of whoever was in a place: [visitor, start, end] each.
async function present(placeId, on = system) {
  const lines = (await on.cli('LCT.PRESENT', 'lct', placeId, 0, Date.now() + 1e9)).split('\n').filter(Boolean);
  const rows = [];
  for (let i = 0; i < lines.length; i += 3) rows.push([lines[i], Number(lines[i + 1]), Number(lines[i + 2])]);
  return rows;
}

const placeOf = (phone, link) => phone.page.evaluate(async (text) => {
  const { decodePlace } = await import('/common/place-link.js');
  return decodePlace(text).placeId;
}, link.split('#')[1]);

const settled = (what, ask) => until(what, async () => (await ask()) === true);

test('the key code is as docs/protocol.md has it', async () => {
  const phone = await Phone.open(browser, system);
  const found = await phone.page.evaluate(async () => {
    const { codeSeed, readCode, writeCode } = await import('/keys.js');
    const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
    const secret = bytes('000102030405060708090a0b0c0d0e0f');
    const device = bytes('ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c');
    const { fromBase64Url } = await import('/common/bytes.js');
    const code = await writeCode(secret, device);
    const read = await readCode(` ${code.toLowerCase().replaceAll('0', 'o').replaceAll('-', ' ')} `);
    return {
      code,
      seed: hex(await codeSeed(secret)),
      publicKey: hex(fromBase64Url(read.codePublicKey)),
      device: hex(fromBase64Url(read.devicePublicKey)),
      role: read.role,
      readable: read.privateKey.extractable,
      bad: [await readCode(code.replace('G4', 'G5')), await readCode(code.slice(1)), await readCode(''), await readCode(`${code}U`)],
    };
  });
  assert.deepEqual(found, {
    code: '000G4-0R40M-30E20-9185G-R38E1-ZN4MV-33WAE-542NY-YN87P-4SERQ-WSAHV-PNTZB-WYWJ8-8FEMT-8M8V9-2SCB1',
    seed: '95c6c832ca99776c86f0b977cab693d77de798686044121b8812ba6805e2afa7',
    publicKey: '789f78e6fad4ee0fbd5f8e13aa228ca8c273c0df137d4b5e5ebf15b437b012e6',
    device: 'ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c',
    role: 'code',
    readable: false,
    bad: [null, null, null, null],
  });
  await phone.close();
});

test('a place survives its link, and nothing else is one', async () => {
  const phone = await Phone.open(browser, system);
  await phone.page.evaluate(async () => {
    const { decodePlace, encodePlace, isName } = await import('/common/place-link.js');
    const { fromBase64Url, toBase64Url } = await import('/common/bytes.js');
    const check = (right, what) => {
      if (!right) throw new Error(what);
    };
    const id = 'AAECAwQFBgcICQoLDA0ODw';
    // The example of docs/pages.md.
    check(encodePlace({ placeId: id, name: 'City library', stay: 90 }) === 'AQABAgMEBQYHCAkKCwwNDg8SAENpdHkgbGlicmFyeQ', 'example');
    for (const name of ['x', 'Café Ünï 🌳', '<b>&"', 'ñ'.repeat(100), '🌳'.repeat(100)]) {
      const place = { placeId: id, name, stay: 90, gathering: true };
      check(JSON.stringify(decodePlace(encodePlace(place))) === JSON.stringify(place), name);
    }
    for (const name of ['', ' x', 'x '.repeat(60), 'a\u0000', 'a\u202eb', 'x'.repeat(101)]) check(!isName(name), `name ${name}`);
    const good = fromBase64Url(encodePlace({ placeId: id, name: 'x', stay: 60 }));
    const changed = (at, value) => decodePlace(toBase64Url(good.map((byte, i) => (i === at ? value : byte))));
    check(changed(0, 1) !== null && changed(0, 2) === null && changed(0, 0) === null, 'version');
    check(changed(17, 0) === null && changed(17, 255).stay === 1275, 'stay');
    check(changed(18, 4) === null && changed(18, 1) === null, 'flags');
    check(changed(19, 10) === null && changed(19, 255) === null, 'name');
    const signed = toBase64Url(Uint8Array.from([...good.slice(0, 18), 1, ...good.slice(19), ...new Uint8Array(64)]));
    check(decodePlace(signed).name === 'x', 'signed');
    for (const bad of ['', '#', 'A', 'AQ==', '\u00e9', toBase64Url(good.slice(0, 19)), toBase64Url(new Uint8Array(900))]) check(decodePlace(bad) === null, bad);
  });
  await phone.close();
});

test('what is repeated is not contradicted for a minute', async () => {
  const phone = await Phone.open(browser, system);
  await phone.page.evaluate(async () => {
    const { answered, nextJob, refused, settled } = await import('/sync.js');
    const { MINUTE } = await import('/common/time.js');
    const check = (right, what) => {
      if (!right) throw new Error(what);
    };
    const none = { visits: [], warnings: [], alerts: [], notes: [] };
    const visit = { id: 1, placeId: 'x', start: 1, end: 9, gone: false, there: null, trying: null, tries: 0, hold: 0, problem: '' };
    const next = (now) => nextJob({ ...none, visits: [visit] }, now);
    const first = next(100).message;
    check(first.type === 'logVisit' && first.end === 9, 'is logged');
    Object.assign(visit, { trying: first, tries: 1, end: 5 });
    check(next(100).message === first, 'is sent again unchanged, whatever is wanted meanwhile');
    check(settled({ visits: [visit], warnings: [] }, 100) === 100 + MINUTE, 'an erasure waits');
    visit.tries = 2;
    check(answered('visits', visit, first, { loggedNodeId: 'n' }, 100), 'is kept');
    check(next(100).message === undefined && next(100).at === 100 + MINUTE, 'then waits a minute');
    check(settled({ visits: [visit], warnings: [] }, 100) === 100 + MINUTE, 'an erasure waits, too');
    const second = next(100 + MINUTE).message;
    check(second.type === 'updateVisit' && second.end === 5 && second.loggedNodeId === 'n', 'is changed');
    Object.assign(visit, { trying: second, tries: 1 });
    refused(visit, second, { code: 'unknown_visit' }, 0);
    check(next(1e6).message.type === 'logVisit', 'what the server lost is logged anew');
    Object.assign(visit, { there: { start: 1, end: 5 }, loggedNodeId: 'n', gone: true });
    check(next(1e6).message.type === 'deleteVisit', 'is deleted');
    check(!answered('visits', visit, next(1e6).message, {}, 1e6), 'is done with');
    const warning = { id: 'w', reason: 'positive', retracted: true, there: true, trying: null, tries: 0, hold: 0, problem: '' };
    check(nextJob({ ...none, warnings: [warning] }, 1).message.type === 'retractWarning', 'is taken back');
    const erase = { type: 'forgetMe', hold: 50 };
    check(nextJob({ ...none, visits: [visit], erase }, 1).at === 50 && nextJob({ ...none, erase }, 50).erase, 'erasure alone');
  });
  await phone.close();
});

test('two phones at one place: one warns, the other hears at once', async () => {
  const [anna, ben] = await phones(2);
  const library = await placeLink(anna.page, 'City library', 45);
  await anna.checkIn(library);
  await ben.checkIn(library);
  // Taken out of the address bar, so that a reload is no second check-in.
  assert.equal(ben.page.url(), `${system.url}/`);
  await ben.logged();
  await anna.logged();
  const [[, start, end]] = await present(await placeOf(anna, library));
  assert.equal(end - start, 45 * 60_000);
  await anna.warn();
  await anna.page.locator('.state.sent').waitFor();
  await ben.sees('You have a new alert', { timeout: 20_000 });
  // Nothing says that it arrived until a person has it before their eyes.
  await sleep(500);
  assert.equal(await system.info('alerts'), 1);
  await ben.tab(/Alerts/);
  await ben.sees('You may have been exposed');
  await ben.sees('“I tested positive”');
  await settled('the acknowledgement', async () => (await system.info('alerts')) === 0);
  // Taken back: heard, too.
  await anna.press(/Take back the warning/);
  await anna.confirm('Take back');
  await anna.sees('Taken back', { exact: true });
  await ben.sees('Withdrawn');
  await settled('the acknowledgement', async () => (await system.info('alerts')) === 0);
  await anna.close();
  await ben.close();
});

test('a gathering is joined by its QR code, and an alert waits for a phone that is away', async () => {
  const [anna, ben] = await phones(2);
  await anna.page.getByLabel('Name of the gathering').fill('Walk by the river');
  await anna.press('Check in now');
  await anna.page.getByText('Let others check in').click();
  const link = await anna.page.locator('.link').innerText();
  await ben.checkIn(link.slice(system.url.length));
  await ben.sees('Walk by the river');
  await ben.logged();
  await anna.logged();
  // The server knows the place by a random number.
  assert.ok(!(await system.cli('DUMP', 'lct')).includes('Walk'));
  await ben.context.setOffline(true);
  await ben.sees('No internet');
  await anna.warn('I present symptoms');
  await anna.page.locator('.state.sent').waitFor();
  await ben.context.setOffline(false);
  await ben.tab(/Alerts/);
  await ben.sees('“I present symptoms”', { timeout: 20_000 });
  // Closed and opened again, it is still there.
  await ben.page.reload();
  await ben.tab(/Alerts/);
  await ben.sees('“I present symptoms”');
  await anna.close();
  await ben.close();
});

test('a check-in without a net arrives later, exactly once', async () => {
  const anna = await open();
  const link = await placeLink(anna.page, 'Chapel');
  await settled('the service worker', () => anna.page.evaluate(async () => Boolean((await navigator.serviceWorker.ready).active)));
  await settled('what it keeps', () => anna.page.evaluate(async () => (await caches.keys()).length === 1));
  await anna.context.setOffline(true);
  await anna.checkIn(link); // opened from what the service worker keeps
  await anna.tab('Calendar');
  await anna.sees('Waiting to be sent');
  await anna.page.reload();
  await anna.tab('Calendar');
  await anna.sees('Waiting to be sent');
  const placeId = await placeOf(anna, link);
  assert.deepEqual(await present(placeId), []);
  await anna.context.setOffline(false);
  await anna.sees('Sent', { exact: true });
  assert.equal((await present(placeId)).length, 1);
  await anna.close();
});

test('an answer that is lost leads to no second visit', async () => {
  const anna = await Phone.open(browser, system);
  let dropped = 0;
  await anna.page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      if (JSON.parse(text).logged && dropped < 2) {
        dropped += 1;
        socket.close({ code: 4001, reason: 'the gateway ends; retry_ms=10' });
      } else {
        socket.send(text);
      }
    });
  });
  await anna.page.reload();
  await anna.begin();
  const link = await placeLink(anna.page, 'Gym');
  await anna.checkIn(link);
  await anna.logged();
  assert.equal(dropped, 2);
  assert.equal((await present(await placeOf(anna, link))).length, 1);
  // What contradicts it waits, and says so.
  await anna.tab('Check in');
  await anna.press('Check out');
  await anna.tab('Calendar');
  await anna.sees('Waiting to be sent');
  await anna.close();
});

// A film of one picture that a code fills, as Chromium's camera shows it: grey, 640 × 480, in YUV 4:2:0.
function film(text) {
  const [width, height] = [640, 480];
  const rows = encodeQR(text, 'raw', { border: 4 });
  const dots = Math.floor(height / rows.length);
  const grey = Buffer.alloc(width * height, 235);
  for (const [y, row] of rows.entries()) {
    for (const [x, dark] of row.entries()) {
      for (let i = 0; dark && i < dots; i += 1) grey.fill(16, (y * dots + i) * width + x * dots, (y * dots + i) * width + (x + 1) * dots);
    }
  }
  const head = `YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420\nFRAME\n`;
  return Buffer.concat([Buffer.from(head), grey, Buffer.alloc((width * height) / 2, 128)]);
}

test('a poster is scanned by the camera, which is off at once', async () => {
  const maker = await Phone.open(browser, system);
  const link = system.url + (await placeLink(maker.page, 'Concert hall', 120));
  await maker.close();
  const file = path.join(system.folder, 'poster.y4m');
  await writeFile(file, film(link));
  const seeing = await launch([`--use-file-for-fake-video-capture=${file}`]);
  try {
    const anna = await Phone.open(seeing, system, { init: reader });
    await anna.begin();
    await anna.page.exposeFunction('decode', (width, height, grey) => {
      const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : grey.charCodeAt(i >> 2)));
      try {
        return [decodeQR({ width, height, data })];
      } catch {
        return [];
      }
    });
    await anna.page.evaluate(() => {
      globalThis.look = (video) => {
        const { videoWidth: width, videoHeight: height } = video;
        const brush = new OffscreenCanvas(width, height).getContext('2d');
        brush.drawImage(video, 0, 0);
        const { data } = brush.getImageData(0, 0, width, height);
        let grey = '';
        for (let i = 0; i < data.length; i += 4) grey += String.fromCharCode(data[i]);
        return globalThis.decode(width, height, grey);
      };
    });
    await anna.press('Scan a code');
    await anna.heading('Check in at Concert hall');
    assert.deepEqual(await anna.cameras(), [false]);
    assert.equal(await anna.page.getByLabel('How long will you stay?').inputValue(), '120');
    await anna.press('Check in now');
    await anna.sees('You are here');
    await anna.logged();
    assert.equal((await present(await placeOf(anna, link))).length, 1);
    // Going back opens no camera.
    for (let i = 0; i < 3; i += 1) await anna.page.goBack();
    assert.deepEqual(await anna.cameras(), [false]);
    await anna.close();
  } finally {
    await seeing.close();
  }
});

test('the camera is on only while somebody looks, and other codes are no places', async () => {
  const anna = await Phone.open(browser, system, { init: reader });
  await anna.begin();
  const link = await placeLink(anna.page, 'Library');
  const payload = link.split('#')[1];
  await anna.press('Scan a code');
  await settled('the camera', async () => (await anna.cameras()).join() === 'true');
  const others = ['', 'WIFI:S:cafe;P:secret;;', payload, link, `https://example.org/c#${payload}`, `${system.url}/#${payload}`, `${system.url}/c#nonsense`, `${system.url}/c`, `javascript:alert(1)//c#${payload}`];
  await anna.page.evaluate((others) => (globalThis.seen = others), others);
  await anna.sees('That is not the code of a place here.');
  await sleep(500);
  await anna.heading('Scan a code');
  const look = (state) => anna.page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
  await look('hidden');
  assert.deepEqual(await anna.cameras(), [false]);
  await look('visible');
  await settled('the camera again', async () => (await anna.cameras()).join() === 'false,true');
  await anna.press('Back');
  await anna.heading('Check in');
  assert.deepEqual(await anna.cameras(), [false, false]);
  await anna.press('Scan a code');
  await settled('the camera once more', async () => (await anna.cameras()).join() === 'false,false,true');
  await anna.page.evaluate((link) => (globalThis.seen = ['x', link]), system.url + link);
  await anna.heading('Check in at Library');
  assert.deepEqual(await anna.cameras(), [false, false, false]);
  await anna.close();
});

test('without a camera, or leave to use it, the page says what to do, and takes a link', async () => {
  const anna = await Phone.open(browser, system, { init: reader });
  await anna.begin();
  const link = await placeLink(anna.page, 'Library');
  const refuse = (refusal) => anna.page.evaluate((refusal) => (globalThis.refusal = refusal), refusal);
  await refuse('NotAllowedError');
  await anna.press('Scan a code');
  await anna.sees('This page may not use the camera.');
  await refuse('NotReadableError');
  await anna.press('Try again');
  await anna.sees('The camera does not work now.');
  await refuse('');
  await anna.press('Try again');
  await settled('the camera', async () => (await anna.cameras()).join() === 'true');
  await anna.press('Back');
  await refuse('NotFoundError');
  await anna.press('Scan a code');
  await anna.sees('There is no camera here.');
  const paste = async (text) => {
    await anna.page.getByLabel('Link of the place').fill(text);
    await anna.press('Open', { exact: true });
  };
  await paste('https://example.org/');
  await anna.sees('This is not the link of a place.');
  await paste(` ${system.url}${link} `);
  await anna.heading('Check in at Library');
  await anna.close();
  // Where the browser reads no codes: the phone's own app does.
  const ben = await open();
  await ben.sees("Your phone's camera app reads the QR code");
  assert.equal(await ben.button('Scan a code').count(), 0);
  await ben.page.getByText('Or paste the link').click();
  await ben.page.getByLabel('Link of the place').fill(system.url + link);
  await ben.press('Open', { exact: true });
  await ben.heading('Check in at Library');
  await ben.close();
  // Opened by that app in a window that is not the installed page: to be taken there.
  const carla = await Phone.open(browser, system, { path: link, permissions: ['clipboard-read', 'clipboard-write'] });
  await carla.press('Copy the link');
  await carla.sees('Copied');
  assert.equal(await carla.page.evaluate(() => navigator.clipboard.readText()), system.url + link);
  // What was not copied is not said to be, and is there to be copied by hand.
  await carla.page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('refused'));
  });
  await carla.press('Copied');
  await carla.sees('Your browser does not let this page copy.');
  await carla.sees(link);
  await carla.sees('Copy the link');
  await carla.close();
});

test('a link that the operators signed is told from one that they did not', async () => {
  const [SIGNED, UNSIGNED, UNKNOWN] = ['Signed by the operators.', 'The operators did not sign this code', 'Anyone can make such a code.'];
  await System.during(async (on) => {
    const anna = await open(on);
    const signed = await signedLink(anna.page, 'Town hall');
    const altered = signed.replace(/#.{24}/, (start) => `${start.slice(0, -1)}${start.endsWith('B') ? 'C' : 'B'}`);
    const others = [
      altered,
      await placeLink(anna.page, 'Town hall'),
      await signedLink(anna.page, 'Town hall', generateKeyPairSync('ed25519')),
    ];
    const says = async (link, text) => {
      await anna.page.goto(on.url + link);
      await anna.heading('Check in at Town hall');
      await anna.sees(text);
    };
    await says(signed, SIGNED);
    for (const link of others) await says(link, UNSIGNED);
    // By the keys it was told last, where nobody can be asked.
    await settled('what the service worker keeps', () => anna.page.evaluate(async () => (await caches.keys()).length === 1));
    await anna.context.setOffline(true);
    await says(signed, SIGNED);
    await says(altered, UNSIGNED);
    await anna.context.setOffline(false);
    await anna.press('Check in now'); // it is the person who decides
    await anna.sees('You are here');
    // Somebody who comes for the first time hears it, too.
    const ben = await Phone.open(browser, on, { path: signed });
    await ben.begin();
    await ben.sees(SIGNED);
    await ben.close();
    // Nobody signs any more.
    await on.stopGateway();
    on.options = [];
    await on.startGateway();
    await anna.page.goto(on.url);
    await anna.online();
    await says(signed, UNKNOWN);
    await anna.close();
  }, WITH_PLACE_KEY);
});

test('check out early, stay longer, and a new check-in ends the running one', async () => {
  const anna = await open();
  const [gym, cafe] = [await placeLink(anna.page, 'Gym', 60), await placeLink(anna.page, 'Café', 30)];
  const [gymId, cafeId] = [await placeOf(anna, gym), await placeOf(anna, cafe)];
  await anna.checkIn(gym);
  const length = async (id) => {
    const [visit] = await present(id);
    return visit && visit[2] - visit[1];
  };
  await settled('the visit', async () => (await length(gymId)) === 60 * 60_000);
  await anna.press('30 minutes longer');
  await settled('its new end', async () => (await length(gymId)) === 90 * 60_000);
  await anna.logged(); // the answer is there, too: what was cut off would be repeated, and its change wait a minute
  await anna.page.goto(system.url + cafe);
  await anna.sees('This ends your visit to Gym.');
  await anna.page.getByLabel('How long will you stay?').selectOption('120');
  await anna.press('Check in now');
  await settled('the new visit', async () => (await length(cafeId)) === 120 * 60_000);
  await settled('the old one ends', async () => (await length(gymId)) < 60_000);
  await anna.press('Check out');
  await settled('early end', async () => (await length(cafeId)) < 60_000);
  await anna.page.getByText('You are here').waitFor({ state: 'detached' });
  // A place that was visited is picked again, with its stay.
  await anna.page.getByRole('button', { name: 'Gym', exact: true }).click();
  await anna.heading('Check in at Gym');
  assert.equal(await anna.page.getByLabel('How long will you stay?').inputValue(), '60');
  await anna.close();
});

test('a visit is changed and deleted, here and there; its place stays until it is deleted, too', async () => {
  const anna = await open();
  const link = await placeLink(anna.page, 'Town hall', 60);
  const id = await placeOf(anna, link);
  await anna.checkIn(link);
  await anna.logged();
  const [[, before]] = await present(id);
  await anna.page.getByRole('button', { name: /Change the visit/ }).click();
  const local = (ms) => new Date(ms).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' }).replace(' ', 'T').slice(0, 16);
  await anna.page.getByLabel('From').fill(local(before - 3 * 3_600_000));
  await anna.page.getByLabel('To').fill(local(before - 2 * 3_600_000));
  await anna.press('Save');
  await settled('the change', async () => {
    const [[, start, end], ...more] = await present(id);
    return more.length === 0 && end - start === 3_600_000 && start < before - 2 * 3_600_000;
  });
  await anna.page.getByRole('button', { name: /Change the visit/ }).click();
  await anna.press('Delete visit');
  await anna.confirm('Delete visit');
  await anna.sees('Nothing yet.');
  await settled('the deletion', async () => (await present(id)).length === 0);
  await anna.tab('Check in');
  await anna.press('Delete the place Town hall');
  await anna.confirm('Delete place');
  await anna.page.getByText('Recent places').waitFor({ state: 'detached' });
  await anna.close();
});

test('data are saved as a file, and erased everywhere', async () => {
  await System.during(async (on) => {
    const [anna, ben] = await phones(2, on);
    const link = await placeLink(anna.page, 'Museum');
    await anna.checkIn(link);
    await ben.checkIn(link);
    await ben.logged();
    await anna.logged();
    await anna.warn();
    await ben.sees('You have a new alert');
    await ben.tab('My data');
    const [download] = await Promise.all([ben.page.waitForEvent('download'), ben.press('Save', { exact: true })]);
    const data = JSON.parse(await readFile(await download.path(), 'utf8'));
    assert.equal(data.onThisPhone.visits[0].name, 'Museum');
    assert.equal(data.onThisPhone.places[0].place_id, data.onTheServer[0].place_id);
    assert.deepEqual(Object.keys(data.onThisPhone.places[0]).sort(), ['formatted_address', 'lat', 'lng', 'name', 'place_id', 'plus_code']);
    assert.equal(data.onThisPhone.alerts[0].reason, 'positive');
    for (const phone of [anna, ben]) {
      await phone.tab('My data');
      await phone.press('Erase everywhere');
      await phone.confirm('Erase everywhere');
      await phone.heading('Erased');
      assert.deepEqual(await phone.page.evaluate(async () => (await indexedDB.databases()).length), 0);
    }
    for (const field of ['visitors', 'spaces', 'visits', 'alerts']) assert.equal(await on.info(field), 0, field);
    assert.deepEqual(await present(await placeOf(anna, link), on), []);
    await anna.press('Start anew');
    await anna.heading(/Know when/);
    await anna.close();
    await ben.close();
  });
});

test('erased here, the phone is as new, and its key code erases the rest', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    await anna.checkIn(await placeLink(anna.page, 'Museum'));
    await anna.logged();
    await anna.tab('My data');
    await anna.press('Erase here');
    await anna.confirm('Erase here');
    await anna.heading('Erased');
    assert.equal(await on.info('visits'), 1);
    await anna.press('Start anew');
    await anna.press('I have a key code');
    await anna.page.getByLabel('Key code').fill(anna.code);
    await anna.press('Open');
    await anna.page.locator('button:enabled', { hasText: 'Erase its data' }).click();
    await anna.confirm('Erase its data');
    await anna.sees('Erased: one visit was removed.');
    assert.equal(await on.info('visits'), 0);
    await anna.close();
  });
});

test('with the key code another device reads alerts and revokes, and never sees the diary', async () => {
  const [anna, ben] = await phones(2);
  const link = await placeLink(anna.page, 'Swimming pool');
  await anna.checkIn(link);
  await ben.checkIn(link);
  await ben.logged();
  await anna.logged();
  await anna.warn();
  await ben.sees('You have a new alert');
  const other = await Phone.open(browser, system);
  await other.press('I have a key code');
  await other.page.getByLabel('Key code').fill(ben.code.toLowerCase());
  await other.press('Open');
  await other.sees('You may have been exposed');
  assert.equal(await other.page.getByText('Swimming pool').count(), 0);
  await sleep(500);
  assert.equal(await system.info('alerts'), 1, 'the code takes no alert from the phone');
  const stored = await other.page.evaluate(async () => {
    const { Store } = await import('/store.js');
    const { meta, ...tables } = await (await Store.open('')).load();
    return [Object.keys(meta), Object.values(tables).flat()];
  });
  assert.deepEqual(stored, [[], []], 'nothing of another phone is kept');
  await other.press('Revoke it');
  await other.confirm('Revoke it');
  await other.sees('This identity is revoked');
  await ben.heading('This identity was revoked');
  assert.equal((await present(await placeOf(anna, link))).length, 1);
  await ben.page.reload();
  await ben.heading('This identity was revoked');
  await ben.press('Start anew');
  await ben.heading(/Know when/);
  for (const phone of [anna, ben, other]) await phone.close();
});

test('revoked on the phone itself, nothing is left and the id is barred', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    await anna.checkIn(await placeLink(anna.page, 'Cinema'));
    await anna.logged();
    await anna.tab('My data');
    await anna.press('Revoke this identity');
    await anna.confirm('Revoke this identity');
    await anna.sees('the identity can never be used again');
    assert.equal(await on.info('visits'), 0);
    assert.equal(await on.info('revoked'), 1);
    assert.equal(await anna.page.evaluate(async () => (await indexedDB.databases()).length), 0);
    await anna.close();
  });
});

test('where ids are believed, it works without a signature', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    await anna.checkIn(await placeLink(anna.page, 'Workshop'));
    await anna.logged();
    assert.equal(await on.info('visits'), 1);
    await anna.tab('My data');
    await anna.press('Erase everywhere');
    await anna.confirm('Erase everywhere');
    await anna.sees('Nothing is left on this phone.'); // and no more than that: the server let nobody erase
    await anna.close();
  }, ['--auth', 'open']);
});

test('by keyboard alone', async () => {
  const anna = await Phone.open(browser, system);
  const { page } = anna;
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
  const to = async (name) => {
    for (let i = 0; i < 30; i += 1) {
      if ((await focused()) === name) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`${name} cannot be reached`);
  };
  await page.getByRole('button', { name: 'Start', exact: true }).waitFor();
  await to('Start');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Your key code' }).waitFor();
  assert.equal(await focused(), 'Your key code'); // where a screen reader begins
  await to('I have kept it');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Check in' }).waitFor();
  await to('gathering');
  await page.keyboard.type('Choir');
  await page.keyboard.press('Enter');
  await page.getByText('You are here').waitFor();
  assert.equal(await focused(), 'Check in');
  await to('×');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.equal(await focused(), 'Cancel');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(), '×'); // back where it was
  await anna.close();
});

test('a restart of everything loses nothing', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    const [first, second] = [await placeLink(anna.page, 'First'), await placeLink(anna.page, 'Second')];
    await anna.checkIn(first);
    await anna.logged();
    await on.stopGateway();
    on.redis.kill('SIGTERM');
    await anna.sees('The server does not answer', { timeout: 30_000 });
    await anna.checkIn(second);
    await anna.tab('Calendar');
    await anna.sees('Waiting to be sent');
    await on.startRedis();
    await on.startGateway();
    await anna.page.getByText('Waiting to be sent').first().waitFor({ state: 'detached', timeout: 70_000 });
    assert.equal(await on.info('visits'), 2);
    await anna.close();
  });
});

test('a line that died without a word is noticed within the ping deadline', async () => {
  const anna = await Phone.open(browser, system, {
    // Phones that change networks hear nothing of it.
    init: () => addEventListener('offline', (event) => event.stopImmediatePropagation()),
  });
  // By the page's own clock, which is turned on by hand below.
  await anna.page.clock.install();
  await anna.page.reload();
  await anna.begin();
  await anna.online();
  const { PING_AFTER, PING_DEADLINE } = await anna.page.evaluate(async () => ({ ...(await import('/link.js')) }));
  const line = () => anna.page.locator('.line').getAttribute('class');
  assert.ok(PING_AFTER + PING_DEADLINE <= 20_000);
  await anna.context.setOffline(true);
  await anna.page.clock.runFor(PING_AFTER - 5_000);
  assert.equal(await line(), 'line online');
  await anna.page.clock.runFor(PING_DEADLINE + 5_000);
  assert.equal(await line(), 'line offline');
  await anna.context.setOffline(false);
  await anna.online();
  await anna.close();
});

test('too fast, it waits and goes on', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    await anna.context.setOffline(true);
    for (const name of ['One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven']) {
      await anna.tab('Check in');
      await anna.page.getByLabel('Name of the gathering').fill(name);
      await anna.press('Check in now');
      await anna.sees(name);
    }
    await anna.context.setOffline(false);
    await anna.sees('A little too fast', { timeout: 30_000 });
    assert.deepEqual(await anna.flaws(), []);
    await settled('all of them', async () => (await on.info('visits')) === 7);
    await anna.close();
  }, ['--message-burst', '4', '--message-rate', '1']);
});

test('what is older than 14 days goes by itself', async () => {
  const anna = await open();
  await anna.page.evaluate(async () => {
    const { Store } = await import('/store.js');
    const store = await Store.open('');
    const day = 86_400_000;
    const old = (ago) => ({ id: `old-${ago}`, placeId: 'x', name: `Old ${ago}`, start: Date.now() - ago * day - 1e6, end: Date.now() - ago * day, gone: false, problem: 'bad_value' });
    for (const ago of [13, 15]) await store.put('visits', old(ago));
    await store.put('alerts', { id: 'a', version: 'a.1', reason: 'contact', state: 'active', issued: Date.now() - 15 * day, shown: true, acknowledged: true });
    await store.put('places', { place_id: 'x', name: 'Old place', stay: 60 });
  });
  await anna.page.reload();
  await anna.tab('Calendar');
  await anna.sees('Old 13');
  assert.equal(await anna.page.getByText('Old 15').count(), 0);
  await anna.tab(/Alerts/);
  await anna.sees('No alerts.');
  await anna.tab('Check in');
  await anna.sees('Old place');
  await anna.close();
});

test('names are text, wherever they stand', async () => {
  const anna = await open();
  const names = ['<img src=x onerror=globalThis.pwned=1>', '"><script>globalThis.pwned=1</script>', "javascript:globalThis.pwned=1//'${1}"];
  for (const name of names) {
    await anna.page.goto(system.url + (await placeLink(anna.page, name)));
    await anna.heading(`Check in at ${name}`);
    await anna.press('Check in now');
    await anna.page.locator('.running .name', { hasText: name }).waitFor();
    await anna.page.getByText('Let others check in').click();
  }
  await anna.press(`Delete the place ${names[0]}`);
  await anna.page.getByRole('dialog').getByText(names[0]).waitFor();
  await anna.confirm('Cancel');
  await anna.tab('Calendar');
  for (const name of names) await anna.sees(name);
  await anna.page.getByRole('button', { name: `Change the visit to ${names[0]}` }).click();
  await anna.heading(`Visit to ${names[0]}`);
  assert.equal(await anna.page.evaluate(() => globalThis.pwned), undefined);
  assert.equal(await anna.page.locator('img, main script').count(), 0);
  await anna.close();
});

test('the policy holds: no inline script, no markup into the page, nothing from elsewhere', async () => {
  const phone = await Phone.open(browser, system);
  const policy = (await (await fetch(system.url)).headers.get('content-security-policy'));
  assert.match(policy, /^default-src 'none'; script-src 'self'; /);
  assert.ok(!policy.includes('unsafe') && policy.includes("require-trusted-types-for 'script'"));
  const tried = await phone.page.evaluate(async () => {
    const attempt = (act) => {
      try {
        act();
        return 'done';
      } catch (error) {
        return error.name;
      }
    };
    const script = document.createElement('script');
    const results = [
      attempt(() => (document.body.innerHTML = '<b>x</b>')),
      attempt(() => (script.textContent = 'globalThis.pwned = 1')),
      attempt(() => document.body.setAttribute('onclick', 'globalThis.pwned = 1')),
      await fetch('http://127.0.0.1:9/').then(() => 'done', () => 'refused'),
    ];
    document.body.append(script);
    document.body.click();
    return [results, globalThis.pwned];
  });
  assert.deepEqual(tried[0], ['TypeError', 'TypeError', 'TypeError', 'refused']);
  assert.equal(tried[1], undefined);
  await phone.context.close();
});

test('nothing is kept but the key and what is the person\u2019s own', async () => {
  const anna = await open();
  await anna.checkIn(await placeLink(anna.page, 'Bakery'));
  await anna.logged();
  const kept = await anna.page.evaluate(async () => {
    const { Store } = await import('/store.js');
    const { meta, ...tables } = await (await Store.open('')).load();
    const cached = [];
    for (const name of await caches.keys()) {
      for (const request of await (await caches.open(name)).keys()) cached.push(new URL(request.url).pathname);
    }
    const exported = await crypto.subtle.exportKey('pkcs8', meta.identity.privateKey).then(() => 'readable', (error) => error.name);
    return {
      local: [localStorage.length, sessionStorage.length, document.cookie],
      databases: (await indexedDB.databases()).map(({ name }) => name),
      meta: Object.keys(meta),
      identity: Object.keys(meta.identity).sort(),
      exported,
      counts: Object.fromEntries(Object.entries(tables).map(([name, rows]) => [name, rows.length])),
      place: Object.keys(tables.places[0]).sort(),
      cached,
    };
  });
  assert.deepEqual(kept.local, [0, 0, '']);
  assert.deepEqual(kept.databases, ['lct']);
  assert.deepEqual(kept.meta, ['identity']);
  assert.deepEqual(kept.identity, ['codePublicKey', 'devicePublicKey', 'privateKey', 'role']);
  assert.equal(kept.exported, 'InvalidAccessError');
  assert.deepEqual(kept.counts, { places: 1, visits: 1, warnings: 0, alerts: 0, notes: 0 });
  assert.deepEqual(kept.place, ['formatted_address', 'lat', 'lng', 'name', 'place_id', 'plus_code', 'stay']);
  for (const path of kept.cached) assert.ok(!path.startsWith('/v1') && !path.startsWith('/ws'), path);
  assert.deepEqual(await anna.context.cookies(), []);
  await anna.close();
});

test('a word to the operators arrives, even if written without a net', async () => {
  const anna = await open();
  await anna.context.setOffline(true);
  await anna.tab('My data');
  await anna.page.getByLabel('Your text').fill('The poster is <b>torn</b>.');
  await anna.press('Send');
  await anna.sees('One text waits to be sent.');
  await anna.context.setOffline(false);
  await anna.page.getByText('waits to be sent').waitFor({ state: 'detached', timeout: 30_000 });
  assert.match(await system.cli('XRANGE', 'lct:feedback:lct', '-', '+'), /The poster is <b>torn<\/b>\./);
  await anna.close();
});

test('in Spanish, where the browser asks for it', async () => {
  const anna = await Phone.open(browser, system, { locale: 'es-MX' });
  await anna.heading(/^Entérate/);
  assert.equal(await anna.page.locator('html').getAttribute('lang'), 'es');
  await anna.press('English');
  await anna.heading(/^Know when/);
  await anna.close();
});

test('practice touches nothing real', async () => {
  await System.during(async (on) => {
    const anna = await Phone.open(browser, on, { path: '/?practice' });
    await anna.begin();
    await anna.online();
    await anna.sees('Practice: nothing here is real');
    await anna.page.getByLabel('Name of the gathering').fill('Rehearsal');
    await anna.press('Check in now');
    await anna.logged();
    assert.equal(await on.info('visits', 'Sandbox'), 1);
    assert.equal(await on.cli('EXISTS', 'lct'), '0');
    await anna.close();
  });
});

test('a wrong one-time code is said to be one, a right one warns', async () => {
  await System.during(async (on) => {
    const anna = await open(on);
    const warn = async (code) => {
      await anna.tab('Warn');
      await anna.page.getByRole('radio', { name: 'I tested positive' }).check();
      await anna.page.getByLabel(/First day of symptoms/).fill(new Date().toISOString().slice(0, 10));
      await anna.page.getByLabel('One-time code').fill(code);
      await anna.press('Go on');
      await anna.confirm('Warn');
    };
    await warn('0000-0000-0000-0000');
    await anna.sees('Not sent: the code was wrong or used.');
    await anna.press(/Take back the warning/);
    await anna.confirm('Take back');
    await warn(await on.code());
    await anna.page.locator('.state.sent').waitFor();
    assert.equal(await anna.page.locator('.visits li').count(), 1);
    await anna.close();
  }, ['--warning-codes', 'required']);
});

test('how the community fares: whole days, rounded, and few are not counted', async () => {
  await System.during(async (on) => {
    const today = Math.floor(Date.now() / 86_400_000);
    const given = (ago, count) => on.cli('SADD', `lct:cap:lct:warnings:${today - ago}`, ...Array.from({ length: count }, (_, i) => `${ago}-${i}`));
    await given(0, 50); // today is not over
    await given(15, 50);
    await given(1, 3);
    const anna = await open(on);
    await anna.sees('Fewer than 5 warnings in the last 14 days');
    await given(14, 10);
    await anna.page.reload();
    await anna.sees('Fewer than 5 warnings in the last 14 days'); // a figure holds for its day
    await on.stopGateway();
    await on.startGateway();
    await anna.page.reload();
    await anna.sees('About 15 warnings in the last 14 days');
    await anna.close();
  });
});

test('few bytes, few requests', async (t) => {
  const BUDGET = { body: 37_600, bytes: 58_600, requests: 31 };
  const weighed = await weigh(browser, system.url, (page) => page.getByRole('button', { name: 'Start' }).waitFor());
  within(t, BUDGET, weighed);
});

for (const [name, size] of SCREENS) {
  test(`axe finds nothing, on ${name}`, async () => {
    const wrong = [];
    await System.during(async (on) => {
      await states(browser, on, size, async (state, phone) => {
        for (const flaw of await phone.flaws()) wrong.push(`${state}: ${flaw}`);
      });
    }, WITH_PLACE_KEY);
    assert.deepEqual(wrong, []);
  });
}
