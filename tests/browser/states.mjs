// Goes through every state of the visitors' page and calls `at(name, phone)` in each: for axe and for pictures.

import { generateKeyPairSync } from 'node:crypto';
import { Phone, reader } from './phone.mjs';

// The link of a place, as an operator would print it.
export async function placeLink(page, name, stay = 60) {
  return page.evaluate(
    async ([name, stay]) => {
      const { encodePlace, newPlaceId } = await import('/common/place-link.js');
      return `/c#${encodePlace({ placeId: newPlaceId(), name, stay })}`;
    },
    [name, stay],
  );
}

// Who signs posters, and how a gateway is told.
export const SIGNER = generateKeyPairSync('ed25519');
export const WITH_PLACE_KEY = ['--place-key', SIGNER.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];

// The same link, signed.
export async function signedLink(page, name, { privateKey } = SIGNER) {
  return page.evaluate(
    async ([name, pkcs8]) => {
      const { encodeSigned, newPlaceId } = await import('/common/place-link.js');
      const bytes = Uint8Array.from(atob(pkcs8), (c) => c.charCodeAt(0));
      const key = await crypto.subtle.importKey('pkcs8', bytes, 'Ed25519', false, ['sign']);
      return `/c#${await encodeSigned({ placeId: newPlaceId(), name, stay: 60 }, key)}`;
    },
    [name, privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')],
  );
}

// For a gateway that was started WITH_PLACE_KEY.
export async function states(browser, system, size, at) {
  const anna = await Phone.open(browser, system, size);
  const ben = await Phone.open(browser, system, size);
  await anna.heading(/Know when/);
  await at('start', anna);
  await anna.press('Español');
  await anna.sees('Empezar');
  await at('start-es', anna);
  await anna.press('English');
  const library = await placeLink(anna.page, 'City library, reading room', 90);
  await anna.press('Start', { exact: true });
  await anna.heading('Your key code');
  await at('key-code', anna);
  await anna.press('I have kept it');
  await anna.online();
  await at('check-in-empty', anna);
  await anna.tab('Calendar');
  await at('calendar-empty', anna);
  await anna.tab('Alerts');
  await at('alerts-empty', anna);
  await anna.page.goto(`${system.url}/c#nonsense`);
  await anna.sees('This is not the link of a place');
  await at('bad-link', anna);

  await ben.page.goto(system.url + library);
  await ben.sees('You are about to check in');
  await at('start-with-place', ben);
  const code = await ben.begin();
  await ben.heading(/Check in at/);
  await ben.sees('The operators did not sign this code');
  await at('place-unsigned', ben);
  await ben.page.goto(system.url + (await signedLink(ben.page, 'Town hall')));
  await ben.sees('Signed by the operators.');
  await at('place', ben);
  await ben.page.goto(system.url + library);
  await ben.press('Check in now');
  await ben.sees('You are here');
  await at('checked-in', ben);

  await anna.checkIn(library);
  await anna.online();
  await anna.page.getByLabel('Name of the gathering').fill('Picnic by the river');
  await anna.press('Check in now');
  await anna.page.getByText('Let others check in').click();
  await at('gathering-shared', anna);
  await anna.page.getByRole('button', { name: 'Delete the place City' }).click();
  await at('question', anna);
  await anna.confirm('Cancel');
  await anna.logged();
  await at('calendar', anna);
  await anna.page.getByRole('button', { name: /Change the visit to City/ }).click();
  await at('edit', anna);
  await anna.page.getByLabel('To', { exact: true }).fill('2020-01-01T00:00');
  await anna.press('Save');
  await anna.sees('The end must be after the start');
  await at('edit-wrong', anna);
  await anna.tab('Warn');
  await at('warn-empty', anna);
  await anna.page.getByRole('radio', { name: 'I tested positive' }).check();
  await at('warn-form', anna);
  await anna.press('Go on');
  await anna.sees('A day within the last 14 days');
  await at('warn-wrong', anna);
  await anna.warn();
  await anna.page.locator('.state.sent').waitFor();
  await at('warned', anna);

  await ben.sees('You have a new alert.');
  await at('alert-new', ben);
  await ben.press('Read it');
  await ben.heading('Alerts');
  await at('alert', ben);
  await anna.press(/Take back the warning/);
  await anna.confirm('Take back');
  await anna.sees('Taken back', { exact: true });
  await at('taken-back', anna);
  await ben.sees('Withdrawn');
  await at('alert-withdrawn', ben);
  await ben.tab('My data');
  await at('my-data', ben);

  const carla = await Phone.open(browser, system, size);
  await carla.press('I have a key code');
  await carla.heading(/key code/);
  await carla.page.getByLabel('Key code').fill('no code');
  await carla.press('Open');
  await carla.sees('This is not a key code');
  await at('guest-wrong', carla);
  await carla.page.getByLabel('Key code').fill(code);
  await carla.press('Open');
  await carla.sees('Erase its data');
  await carla.page.getByRole('button', { name: 'Revoke it' }).and(carla.page.locator(':enabled')).waitFor();
  await at('guest', carla);
  await carla.press('Revoke it');
  await carla.confirm('Revoke it');
  await carla.sees('This identity is revoked');
  await at('guest-revoked', carla);
  await ben.heading('This identity was revoked');
  await at('revoked', ben);

  await anna.context.setOffline(true);
  await anna.sees('No internet.');
  await at('offline', anna);
  await anna.tab('Check in');
  await anna.page.getByLabel('Name of the gathering').fill('Evening walk');
  await anna.press('Check in now');
  await anna.tab('Calendar');
  await anna.sees('Waiting to be sent');
  await at('calendar-waiting', anna);
  await anna.tab('My data');
  await anna.press('Erase everywhere');
  await at('erase-question', anna);
  await anna.confirm('Erase everywhere');
  await anna.heading('Erasing');
  await at('erasing', anna);
  await anna.context.setOffline(false);
  await anna.heading('Erased');
  await at('erased', anna);

  await system.stopGateway();
  const dora = await Phone.open(browser, system, { ...size, path: '/' }).catch(() => null);
  await dora?.context.close();
  await system.startGateway();
  const eve = await Phone.open(browser, system, size);
  await eve.begin();
  await eve.online();
  await system.stopGateway();
  await eve.sees('The server does not answer', { timeout: 30_000 });
  await at('server-down', eve);
  await system.startGateway();
  await eve.page.locator('.line.online').waitFor({ state: 'attached', timeout: 60_000 });
  const second = await eve.context.newPage();
  await second.goto(system.url);
  await eve.heading('LCT is open in another window');
  await at('elsewhere', eve);
  await second.close();
  await eve.context.close();

  const eye = await Phone.open(browser, system, { ...size, init: reader });
  await eye.begin();
  await eye.button('Scan a code').waitFor();
  await at('check-in-scan', eye);
  await eye.press('Scan a code');
  await eye.page.waitForFunction(() => document.querySelector('video').readyState >= 2);
  await at('scan', eye);
  await eye.page.evaluate(() => globalThis.seen.push('https://example.org/'));
  await eye.sees('That is not the code');
  await at('scan-other', eye);
  await eye.press('Back');
  await eye.page.evaluate(() => (globalThis.refusal = 'NotAllowedError'));
  await eye.press('Scan a code');
  await eye.sees('This page may not use the camera');
  await at('scan-denied', eye);
  await eye.context.close();

  await without(browser, system, size, at);

  const old = await Phone.open(browser, system, { ...size, init: () => {
    crypto.subtle.generateKey = () => Promise.reject(new Error('NotSupportedError'));
  } });
  await old.heading('This browser is too old');
  await at('too-old', old);
  await old.context.close();
  const play = await Phone.open(browser, system, { ...size, path: '/?practice' });
  await play.begin();
  await play.online();
  await at('practice', play);
  for (const phone of [anna, ben, carla, play]) await phone.context.close();
}

// What becomes of a phone that cannot have what it needs.
async function without(browser, system, size, at) {
  const open = async (init, work) => {
    const phone = await Phone.open(browser, system, { ...size, init });
    await work(phone);
    await phone.context.close();
  };
  // The words: not yet, then not at all.
  await open(() => {
    const real = globalThis.fetch;
    globalThis.fetch = (url, ...rest) => (String(url).startsWith('/strings/') ? new Promise((_, reject) => (globalThis.fall = reject)) : real(url, ...rest));
  }, async (phone) => {
    await phone.sees('One moment …');
    await at('loading', phone);
    await phone.page.waitForFunction(() => globalThis.fall);
    await phone.page.evaluate(() => globalThis.fall(new TypeError('Failed to fetch')));
    await phone.sees('The page could not be loaded whole.');
    await at('failed-loading', phone);
  });
  // The database.
  await open(() => {
    indexedDB.open = () => {
      throw new DOMException('not here', 'SecurityError');
    };
  }, async (phone) => {
    await phone.heading('Something went wrong here');
    await at('failed-database', phone);
  });
  // Room in it.
  await open(() => {}, async (phone) => {
    await phone.begin();
    await phone.page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    await phone.page.getByLabel('Name of the gathering').fill('Choir');
    await phone.press('Check in now');
    await phone.heading('Something went wrong here');
    await at('failed-writing', phone);
  });
  // A piece of the page, which can be asked for again.
  await open(() => delete Navigator.prototype.serviceWorker, async (phone) => {
    await phone.page.route('**/uqr.mjs*', (route) => route.abort());
    await phone.press('Start', { exact: true });
    await phone.sees('This could not be loaded.');
    await at('missing', phone);
  });
  // The gateway's favour.
  const answering = async (phone, code) => {
    await phone.page.routeWebSocket(/\/ws$/, (socket) => {
      socket.onMessage((text) => socket.send(JSON.stringify({ type: 'error', id: JSON.parse(text).id, code, message: '' })));
      socket.send(JSON.stringify({ type: 'challenge', nonce: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }));
    });
    await phone.page.reload();
  };
  await open(() => {}, async (phone) => {
    await phone.begin();
    await phone.online();
    await answering(phone, 'not_allowed');
    await phone.sees('The server does not know this phone');
    await at('refused', phone);
  });
  // What the server did not take.
  await open(() => {}, async (phone) => {
    await phone.begin();
    await phone.page.evaluate(async () => {
      const { Store } = await import('/store.js');
      const store = await Store.open('');
      const record = { id: 'x', gone: false, trying: null, tries: 0, hold: 0 };
      const now = Date.now();
      await store.put('visits', { ...record, placeId: 'x', name: 'Bus 7', start: now - 2e6, end: now - 1e6, problem: 'bad_value' });
      await store.put('warnings', { ...record, reason: 'positive', issued: now, problem: 'bad_code' });
    });
    await phone.page.reload();
    await phone.tab('Calendar');
    await phone.sees('Not taken by the server');
    await at('calendar-problem', phone);
    await phone.tab('Warn');
    await phone.sees('the code was wrong or used');
    await at('warn-problem', phone);
  });
}

// Those of a phone in practice that opens the link of a diary, of `town`, as scripts/demo made it. Gives the phone.
export async function sampleStates(browser, system, size, at, town) {
  const phone = await Phone.open(browser, system, { ...size, path: town.diary.slice(system.url.length) });
  await phone.begin();
  await phone.heading('An invented diary');
  await at('sample', phone);
  await phone.press('Fill the calendar');
  await phone.heading('The last 14 days');
  await phone.page.locator('.state.waiting').first().waitFor({ state: 'detached' });
  await phone.button(/\d new/).waitFor();
  await at('sample-calendar', phone);
  await phone.tab('Check in');
  await phone.sees('In your community');
  await at('sample-check-in', phone);
  await phone.tab(/Alerts/);
  await phone.sees('You may have been exposed');
  await at('sample-alert', phone);
  return phone;
}
