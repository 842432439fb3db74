// The operators' page in a real browser, before a real gateway and a real Redis with the module, and phones beside it.

import { strict as assert } from 'node:assert';
import { generateKeyPairSync, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import decodeQR from 'qr/decode.js';
import { Desk, TOKEN, WITH_TOKEN } from './desk.mjs';
import { deskStates } from './desk-states.mjs';
import { SCREENS, launch, weigh, within } from './person.mjs';
import { Phone } from './phone.mjs';
import { placeLink } from './states.mjs';
import { System, sleep, until } from './system.mjs';

const HOUR = 3_600_000;

let browser;
let system;

before(async () => {
  browser = await launch();
  system = await System.start(WITH_TOKEN);
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

// Phones that are at one place together, as the server knows.
async function together(count, on, link) {
  const phones = [];
  for (let i = 0; i < count; i += 1) {
    const phone = await Phone.open(browser, on);
    await phone.begin();
    await phone.online();
    await phone.checkIn(link ?? (link = await placeLink(phone.page, 'City library', 90)));
    await phone.logged();
    phones.push(phone);
  }
  return { phones, placeId: await placeIdOf(phones[0], link) };
}

const placeIdOf = (person, link) => person.page.evaluate(async (text) => {
  const { decodePlace } = await import('/common/place-link.js');
  return decodePlace(text).placeId;
}, link.split('#')[1]);

const settled = (what, ask) => until(what, async () => (await ask()) === true);

const trail = (on) => on.cli('XRANGE', 'lct:audit:operators', '-', '+');

// What a phone's camera would read of a code drawn as an SVG path.
async function scanned(poster) {
  const { size, path: drawn } = await poster.locator('.modules').evaluate((svg) => ({ size: svg.viewBox.baseVal.width, path: svg.querySelector('path').getAttribute('d') }));
  const dots = 6;
  const side = size * dots;
  const data = new Uint8ClampedArray(4 * side * side).fill(255);
  for (const [, x, y] of drawn.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let i = 0; i < dots * dots; i += 1) {
      const at = 4 * ((Number(y) * dots + Math.floor(i / dots)) * side + Number(x) * dots + (i % dots));
      data.fill(0, at, at + 3);
    }
  }
  return decodeQR({ width: side, height: side, data });
}

test('a warning over the limit waits, is released, and the phones hear', async () => {
  await System.during(async (on) => {
    const { phones: [anna, ben, carla], placeId } = await together(3, on);
    await anna.warn();
    await anna.page.locator('.state.sent').waitFor();
    const desk = await Desk.at('Warnings', browser, on);
    await desk.sees('Tested positive');
    // Two people: too few to say how many.
    await desk.sees('Releasing it now would alert fewer than 5 people.');
    assert.equal(await on.info('alerts'), 0);
    await desk.press('Release');
    await desk.page.getByRole('dialog').getByText('fewer than 5 people').waitFor();
    await desk.confirm('Cancel');
    await sleep(300);
    assert.equal(await on.info('alerts'), 0, 'nothing before it is confirmed');
    await desk.press('Release');
    await desk.confirm('Release');
    await desk.sees('Released: fewer than 5 people were alerted.');
    await desk.sees('Stands');
    await ben.sees('You have a new alert', { timeout: 20_000 });
    await carla.sees('You have a new alert', { timeout: 20_000 });
    // Taken back by an operator: heard, too.
    await desk.press(/^Withdraw: /);
    await desk.confirm('Withdraw');
    await desk.sees('Withdrawn: fewer than 5 people are told.');
    await ben.tab(/Alerts/);
    await ben.sees('Withdrawn', { exact: true });
    const rows = await desk.audit();
    const actions = rows.map(([who, what, , outcome, found]) => [who, what, outcome, found]);
    assert.deepEqual(actions, [
      ['anna', 'Withdrew', 'done', 'fewer than 5'],
      ['anna', 'Withdrew', 'begun', ''],
      ['anna', 'Released', 'done', 'fewer than 5'],
      ['anna', 'Released', 'begun', ''],
    ]);
    assert.ok(!(await trail(on)).includes(placeId), 'no place is in the audit');
    for (const person of [anna, ben, carla, desk]) await person.close();
  }, [...WITH_TOKEN, '--hold', '1']);
});

test('a rejected warning alerts nobody', async () => {
  await System.during(async (on) => {
    const { phones } = await together(3, on);
    await phones[0].warn();
    await phones[0].page.locator('.state.sent').waitFor();
    const desk = await Desk.at('Now', browser, on);
    await desk.page.getByRole('link', { name: /wait for your decision/ }).click();
    await desk.press('Reject');
    await desk.confirm('Reject');
    await desk.sees('Rejected. It alerts nobody any more.');
    await desk.sees('None. A warning that would alert more people');
    await desk.sees('Withdrawn · alerted: fewer than 5');
    await sleep(500);
    assert.equal(await on.info('alerts'), 0);
    assert.equal((await desk.audit())[0][1], 'Rejected');
    for (const person of [...phones, desk]) await person.close();
  }, [...WITH_TOKEN, '--hold', '1']);
});

test('what somebody else decided meanwhile is not decided again', async () => {
  await System.during(async (on) => {
    const { phones } = await together(3, on);
    await phones[0].warn();
    await phones[0].page.locator('.state.sent').waitFor();
    const [first, second] = [await Desk.at('Warnings', browser, on), await Desk.at('Warnings', browser, on)];
    await second.sees('Releasing it now');
    await first.press('Reject');
    await first.confirm('Reject');
    await first.sees('Rejected.');
    await second.press('Release');
    await second.sees('That has changed meanwhile.');
    await second.sees('None. A warning that would alert more people');
    assert.equal(await on.info('alerts'), 0);
    for (const person of [...phones, first, second]) await person.close();
  }, [...WITH_TOKEN, '--hold', '1']);
});

test('however many warnings there are, all can be seen', async () => {
  await System.during(async (on) => {
    const now = Date.now();
    await on.cli('LCT.VISIT', 'lct', 'a', 'x', now - HOUR, now, 'b', 'x', now - HOUR, now);
    // Sixty that stand, then sixty that are held.
    const give = (name, ...options) => on.cli('EVAL', `for i = 1, 60 do redis.call('LCT.WARN', KEYS[1], '${name}' .. i, 'a', 'contact', unpack(ARGV)) end`, 1, 'lct', ...options);
    await give('w');
    await sleep(10);
    await give('h', 'HOLD', 0);
    const desk = await Desk.at('Warnings', browser, on);
    const held = desk.page.locator('article.held');
    const rows = desk.page.locator('ul.list > li');
    const older = desk.page.getByRole('button', { name: 'Show older ones' });
    const count = (list, many) => until(`${many} are shown`, async () => (await list.count()) === many);
    await count(held, 50);
    // The newest fifty of all are held.
    await count(rows, 0);
    assert.equal(await older.count(), 2);
    await older.first().click();
    await count(held, 60);
    await desk.sees('Shown: 60, which is all.');
    await older.click();
    await count(rows, 40);
    await desk.sees('Shown: the newest 40. There are older ones.');
    await older.click();
    await count(rows, 60);
    assert.equal(await older.count(), 0);
    const ids = await rows.locator('.id').allTextContents();
    assert.equal(new Set(ids).size, 60, 'none twice');
    // What was shown still is after one of them was decided.
    await held.first().getByRole('button', { name: 'Reject' }).click();
    await desk.confirm('Reject');
    await desk.sees('Rejected.');
    await count(held, 59);
    await count(rows, 61);
    await desk.close();
  }, WITH_TOKEN);
});

test('a poster is made, scanned, and its place warned of', async () => {
  const desk = await Desk.at('Places', browser, system);
  const before = desk.requests.length;
  const [link, hall] = await desk.posters('City library', ['reading room', 'hall']);
  assert.notEqual(link, hall);
  const sent = desk.requests.slice(before).map((request) => `${request.method()} ${new URL(request.url()).pathname}`);
  assert.deepEqual(sent, ['GET /vendor/uqr/uqr.mjs'], 'making posters sends nothing');
  // What is drawn is what the link says, and a phone that scans it is at that place.
  assert.equal(await scanned(desk.page.locator('.poster').first()), link);
  assert.equal(await desk.page.locator('.poster text').first().textContent(), 'City library,');
  const { phones: [phone], placeId } = await together(1, system, link.slice(system.url.length));
  await phone.page.getByText('City library, reading room').first().waitFor();
  assert.equal(await desk.page.locator('.posters .id').first().textContent(), placeId);

  await desk.page.locator('.posters article').first().getByRole('button', { name: 'Warn of it' }).click();
  await desk.heading('Warnings');
  assert.equal(await desk.page.getByLabel('Id of the place').inputValue(), placeId);
  const local = (ms) => new Date(ms).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' }).replace(' ', 'T').slice(0, 16);
  const fill = async (from, to, stay) => {
    await desk.page.getByLabel('From', { exact: true }).fill(local(from));
    await desk.page.getByLabel('To', { exact: true }).fill(local(to));
    await desk.page.getByLabel('Stayed at least').fill(stay);
  };
  await fill(Date.now(), Date.now() - HOUR, 'x');
  await desk.press('Count whom it would alert');
  await desk.sees('A time after the start, please.');
  await desk.sees('0 to 1440 minutes, please.');
  await fill(Date.now() - HOUR, Date.now() + HOUR, '0');
  await desk.press('Count whom it would alert');
  await desk.sees('This would alert fewer than 5 people. Nobody was alerted yet.');
  assert.equal(await system.info('alerts'), 0);
  // Changed, it is counted anew before anybody can be warned.
  await desk.page.getByLabel('What they are told').selectOption('symptoms');
  assert.equal(await desk.button('Warn them').count(), 0);
  await desk.press('Count whom it would alert');
  await desk.press('Warn them');
  await desk.page.getByRole('dialog').getByText('City library, reading room').waitFor();
  await desk.confirm('Warn them');
  await desk.sees('Done: fewer than 5 people were alerted.');
  await phone.sees('You have a new alert', { timeout: 20_000 });
  await phone.tab(/Alerts/);
  await phone.sees('“I present symptoms”');
  assert.equal(await phone.page.locator('.urgent', { hasText: 'library' }).count(), 0, 'no alert says where');
  const rows = (await desk.audit()).slice(0, 6).map(([, what, , outcome]) => `${what} ${outcome}`);
  const [warned, counted] = ['Warned of a place', 'Counted for a place'];
  assert.deepEqual(rows, [`${warned} done`, `${warned} begun`, `${counted} done`, `${counted} begun`, `${counted} done`, `${counted} begun`]);
  assert.ok(!(await trail(system)).includes(placeId), 'no place is in the audit');
  await phone.close();
  await desk.close();
});

test('posters are printed, one on each page, saved, and signed', async () => {
  const desk = await Desk.at('Places', browser, system);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  await desk.page.getByText('Sign the posters').click();
  const file = (name, buffer) => ({ name, mimeType: 'application/x-pem-file', buffer: Buffer.from(buffer) });
  await desk.page.getByLabel('Key file').setInputFiles(file('wrong.pem', 'no key'));
  await desk.sees('This is not an Ed25519 key in PEM.');
  await desk.page.getByLabel('Key file').setInputFiles(file('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' })));
  await desk.sees('Signing with key.pem.');
  const links = await desk.posters('Swimming pool', ['hall', 'sauna', 'café']);
  for (const link of links) {
    const bytes = Buffer.from(link.split('#')[1], 'base64url');
    const [signed, signature] = [bytes.subarray(0, -64), bytes.subarray(-64)];
    assert.equal(bytes[18] & 1, 1);
    assert.ok(verify(null, Buffer.concat([Buffer.from('lct-place-v1\n'), signed]), publicKey, signature));
  }
  assert.equal(await scanned(desk.page.locator('.poster').nth(2)), links[2]);
  const pdf = (await desk.page.pdf({ preferCSSPageSize: true })).toString('latin1');
  assert.equal([...pdf.matchAll(/\/Type\s*\/Page[^s]/g)].length, 3);
  const [download] = await Promise.all([desk.page.waitForEvent('download'), desk.page.getByRole('button', { name: 'Save as SVG' }).first().click()]);
  const svg = await readAll(download);
  assert.ok(svg.startsWith('<svg ') && svg.includes(' xmlns="http://www.w3.org/2000/svg" '));
  assert.ok(svg.includes('Swimming pool') && !svg.includes('script'));
  const [list] = await Promise.all([desk.page.waitForEvent('download'), desk.page.getByRole('button', { name: 'Save the list' }).first().click()]);
  assert.deepEqual((await readAll(list)).trim().split('\n').filter((line) => links.includes(line)), links);
  await desk.close();
});

async function readAll(download) {
  let text = '';
  for await (const part of await download.createReadStream()) text += part;
  return text;
}

test('cells of fewer than five people are not told, and names are text', async () => {
  await System.during(async (on) => {
    const names = ['<img src=x onerror=globalThis.pwned=1>', '"><script>globalThis.pwned=1</script>'];
    const desk = await Desk.at('Opportunities', browser, on);
    await desk.sees('Nothing to tell');
    const places = await desk.page.evaluate(async (names) => {
      const { encodePlace, newPlaceId } = await import('/common/place-link.js');
      return names.map((name) => {
        const placeId = newPlaceId();
        return { placeId, link: `https://lct.example.org/c#${encodePlace({ placeId, name, stay: 60 })}` };
      });
    }, names);
    // Yesterday at ten (Madrid's time): six people in the first place, four in the second.
    const day = new Date(Date.now() - 24 * HOUR).toISOString().slice(0, 10);
    const ten = Date.parse(`${day}T09:00:00Z`);
    const visit = (placeId, count) => Array.from({ length: count }, (_, i) => [`v${i}-${placeId}`, placeId, ten, ten + HOUR]).flat();
    await on.cli('LCT.VISIT', 'lct', ...visit(places[0].placeId, 6), ...visit(places[1].placeId, 4));
    await desk.tab('Places');
    const list = { name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from(places.map(({ link }) => link).join('\n')) };
    await desk.page.getByLabel('Open a list').setInputFiles(list);
    await desk.sees('2 places in it.');
    await desk.page.getByText('2 places are known here').click();
    for (const name of names) await desk.page.locator('.list .name', { hasText: name }).waitFor();
    await desk.tab('Opportunities');
    const row = desk.page.locator('table.heat tbody tr');
    await row.first().waitFor();
    assert.equal(await row.count(), 1);
    assert.equal(await row.locator('th').textContent(), names[0]);
    // Six people for an hour: 360 minutes, rounded to 300; the peak, 6, to 5.
    assert.deepEqual(await row.locator('td').allTextContents(), ['300']);
    await desk.page.getByLabel('Figure').selectOption('peak');
    await desk.page.locator('caption', { hasText: 'Most people' }).waitFor();
    assert.deepEqual(await row.locator('td').allTextContents(), ['5']);
    await desk.page.getByText('One place only').click();
    await desk.page.getByLabel('whose name is known').selectOption(places[1].placeId);
    await desk.sees('Nothing to tell');
    await desk.page.getByLabel('whose name is known').selectOption(places[0].placeId);
    await row.first().waitFor();
    await desk.page.getByLabel('Period').selectOption('week');
    await row.first().waitFor();
    await desk.tab('Places');
    const [link] = await desk.posters(names[0]);
    assert.equal(await scanned(desk.page.locator('.poster')), link);
    await desk.tab('Warnings');
    await desk.page.getByText('Warn of a place').click();
    assert.equal(await desk.page.evaluate(() => globalThis.pwned), undefined);
    assert.equal(await desk.page.locator('main img, main script').count(), 0);
    await desk.close();
  }, WITH_TOKEN);
});

test('the busiest places are shown first, by the sum of their hours', async () => {
  await System.during(async (on) => {
    const ten = Date.parse(`${new Date(Date.now() - 24 * HOUR).toISOString().slice(0, 10)}T09:00:00Z`);
    const visits = (place, start, count) => Array.from({ length: count }, (_, i) => [`v${i}-${place}-${start}`, place, start, start + HOUR]).flat();
    for (const [place, first, second] of [['cafe', 10, 5], ['gym', 20, 10], ['hall', 5, 15]]) {
      await on.cli('LCT.VISIT', 'lct', ...visits(place, ten, first), ...visits(place, ten + HOUR, second));
    }
    const desk = await Desk.at('Opportunities', browser, on);
    const rows = desk.page.locator('table.heat tbody tr');
    const told = () => rows.evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    await rows.first().waitFor();
    assert.deepEqual(await told(), [['gym', '1,200', '600'], ['hall', '300', '900'], ['cafe', '600', '300']]);
    await desk.page.getByLabel('Figure').selectOption('peak');
    await desk.page.locator('caption', { hasText: 'Most people' }).waitFor();
    assert.deepEqual(await told(), [['gym', '20', '10'], ['hall', '5', '15'], ['cafe', '10', '5']]);
    // A place is asked for when it is typed to its end.
    const asked = () => desk.requests.filter((request) => request.url().includes('/v1/density')).length;
    const before = asked();
    await desk.page.getByText('One place only').click();
    await desk.page.getByLabel('Id of the place').pressSequentially('hall');
    await desk.page.keyboard.press('Enter');
    await settled('one place', async () => (await rows.count()) === 1);
    assert.equal(asked() - before, 1);
    // A question that nobody waits for any more is given up.
    await desk.page.route('**/v1/density?*', (route) => !route.request().url().includes('place=hall') && route.continue());
    const given = desk.page.waitForEvent('requestfailed');
    await desk.page.getByLabel('Period').selectOption('week');
    await desk.page.getByLabel('Id of the place').fill('gym');
    await desk.page.keyboard.press('Enter');
    await given;
    await settled('another', async () => (await told())[0][0] === 'gym');
    await desk.close();
  }, WITH_TOKEN);
});

test('after an answer that never came, the same is not done twice', async () => {
  await System.during(async (on) => {
    const start = Date.now() - 2 * HOUR;
    await on.cli('LCT.VISIT', 'lct', ...Array.from({ length: 6 }, (_, i) => [`v${i}`, 'hall', start, start + HOUR]).flat());
    const desk = await Desk.at('Warnings', browser, on);
    const bodies = [];
    const names = ['done, and the answer lost', 'not known whether done'];
    await desk.page.route('**/v1/places/warnings?*', async (route) => {
      const body = route.request().postDataJSON();
      bodies.push(body);
      if (body.dryRun || names.length === 0) return route.continue();
      if (names.shift() === 'not known whether done') {
        return route.fulfill({ status: 503, json: { code: 'unknown', message: 'the server did not say whether it was done' } });
      }
      await route.fetch();
      return route.abort('connectionreset');
    });
    const local = (ms) => new Date(ms).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' }).replace(' ', 'T').slice(0, 16);
    await desk.page.getByText('Warn of a place').click();
    await desk.page.getByLabel('Id of the place').fill('hall');
    await desk.page.getByLabel('From', { exact: true }).fill(local(start - HOUR));
    await desk.page.getByLabel('To', { exact: true }).fill(local(start + HOUR));
    const count = () => desk.press('Count whom it would alert');
    await count();
    await desk.sees('This would alert about 5 people.');
    await desk.press('Warn them');
    await desk.confirm('Warn them');
    await desk.sees('Nobody knows whether that was done.');
    await desk.sees('Stands · alerted: about 5'); // the list, anew
    // Also after a look elsewhere: the same wish, under the same id.
    await desk.tab('Audit');
    await desk.heading('Audit');
    await desk.tab('Warnings');
    await desk.sees('It may have been: look at the list');
    assert.equal(await desk.page.getByLabel('Id of the place').inputValue(), 'hall');
    await desk.page.getByLabel('Stayed at least').fill('30');
    await count();
    await desk.sees('Under the same id as the attempt before');
    await desk.press('Warn them');
    await desk.confirm('Warn them');
    await desk.sees('Nobody knows whether that was done.');
    await desk.press('Warn them');
    await desk.confirm('Warn them');
    await desk.sees('Done: ');
    const ids = new Set(bodies.map(({ warning }) => warning).filter(Boolean));
    assert.equal(bodies[0].warning, undefined, 'the first count leaves the id to the gateway');
    assert.equal(ids.size, 1);
    assert.equal(await on.info('warnings'), 1);
    assert.equal(await on.info('alerts'), 6);
    await desk.close();
  }, WITH_TOKEN);
});

test('what cannot be loaded can be tried again, and what cannot be kept is said', async () => {
  const desk = await Desk.open(browser, system);
  desk.expected = new RegExp(`${desk.expected.source}|ERR_FAILED`);
  let broken = true;
  await desk.page.getByLabel('Token').waitFor();
  await desk.page.route(/\/vendor\/|\/strings\//, (route) => (broken ? route.abort() : route.continue()));
  await desk.signIn();
  await desk.sees('This could not be loaded.');
  broken = false;
  await desk.button('Try again').first().click();
  await desk.page.locator('.uplot canvas').first().waitFor();
  broken = true;
  await desk.tab('Places');
  await desk.page.getByLabel('Address of the visitors').fill(system.url);
  await desk.page.getByLabel('Name of the place').fill('Chapel');
  await desk.press('Make posters');
  await desk.sees('This could not be loaded.');
  broken = false;
  await desk.press('Try again');
  await desk.page.locator('.poster').waitFor();
  broken = true;
  await desk.press('Español');
  await desk.sees('This could not be loaded.');
  assert.equal(await desk.page.locator('html').getAttribute('lang'), 'en');
  broken = false;
  await desk.press('Try again');
  await desk.heading('Lugares');
  await desk.press('English');
  await desk.heading('Places');
  // More places than the browser has room for.
  await desk.page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await desk.tab('Places');
  await desk.posters('Crypt');
  await desk.sees('These are too many for what this browser keeps');
  await desk.page.locator('.poster').waitFor();
  await desk.close();
});

test('where the browser does not sign, it is not offered', async () => {
  const init = () => Object.defineProperty(globalThis, 'isSecureContext', { value: false });
  const desk = await Desk.at('Places', browser, system, { init });
  await desk.page.getByText('Sign the posters').click();
  await desk.sees('Not here: browsers sign only on pages that came by https');
  assert.equal(await desk.page.getByLabel('Key file').count(), 0);
  await desk.close();
});

test('a name of any length fits on its poster', async () => {
  const desk = await Desk.at('Places', browser, system);
  const lower = 'a rather long name of a place '.repeat(4).slice(0, 99) + 'x';
  for (const name of ['W'.repeat(17), 'W'.repeat(100), lower, 'Wissenschaftszentrum', 'Bar']) {
    await desk.posters(name);
    await desk.page.locator('.posters .name', { hasText: name }).waitFor();
    const found = await desk.page.locator('.poster').evaluate((svg) => {
      const top = svg.querySelector('.modules').getAttribute('y');
      const boxes = [...svg.querySelectorAll(':scope > text')].filter((text) => text.getAttribute('y') < Number(top)).map((text) => text.getBBox());
      return {
        text: [...svg.querySelectorAll(':scope > text[font-weight="700"]')].slice(0, boxes.length).map((text) => text.textContent).join(''),
        left: Math.min(...boxes.map(({ x }) => x)),
        right: Math.max(...boxes.map(({ x, width }) => x + width)),
        top: Math.min(...boxes.map(({ y }) => y)),
        bottom: Math.max(...boxes.map(({ y, height }) => y + height)) - top,
      };
    });
    assert.equal(found.text.replaceAll(' ', ''), name.replaceAll(' ', ''));
    assert.ok(found.left >= 10 && found.right <= 200 && found.top >= 7 && found.bottom <= 0, `${name}: ${JSON.stringify(found)}`);
  }
  await desk.close();
});

test('feedback is read as text, and marked', async () => {
  await System.during(async (on) => {
    const phone = await Phone.open(browser, on);
    await phone.begin();
    await phone.online();
    await phone.tab('My data');
    const text = '<img src=x onerror=globalThis.pwned=1> is torn';
    await phone.page.getByLabel('Your text').fill(text);
    await phone.press('Send');
    await settled('the text', async () => (await on.cli('EXISTS', 'lct:feedback:lct')) === '1');
    await phone.close();
    const desk = await Desk.at('Feedback', browser, on);
    await desk.page.locator('.text', { hasText: text }).waitFor();
    await desk.press('Done', { exact: true });
    await desk.page.locator('[aria-pressed=true]', { hasText: 'Done' }).waitFor();
    await settled('the mark', async () => (await on.cli('HVALS', 'lct:feedback-status:lct')) === 'done');
    await desk.page.reload();
    await desk.page.locator('.entry [aria-pressed=true]', { hasText: 'Done' }).waitFor();
    await desk.page.getByLabel('Show').selectOption('open');
    await desk.sees('Nothing here.');
    assert.equal(await desk.page.evaluate(() => globalThis.pwned), undefined);
    assert.equal((await desk.audit())[0][1], 'Marked a text');
    assert.ok(!(await trail(on)).includes('torn'));
    await desk.close();
  }, WITH_TOKEN);
});

test('a code made here lets a phone warn, once, and is shown once', async () => {
  await System.during(async (on) => {
    const desk = await Desk.at('Warnings', browser, on);
    await desk.page.getByText('Make one-time codes').click();
    await desk.page.getByLabel('How many').fill('101');
    await desk.press('Make codes');
    await desk.sees('1 to 100, please.');
    await desk.page.getByLabel('How many').fill('3');
    await desk.press('Make codes');
    await desk.sees('3 codes, good until');
    const codes = await desk.page.locator('.code li').allTextContents();
    assert.equal(new Set(codes).size, 3);
    const phone = await Phone.open(browser, on);
    await phone.begin();
    await phone.online();
    await phone.tab('Warn');
    await phone.page.getByRole('radio', { name: 'I tested positive' }).check();
    await phone.page.getByLabel(/First day of symptoms/).fill(new Date().toISOString().slice(0, 10));
    await phone.page.getByLabel('One-time code').fill(codes[1]);
    await phone.press('Go on');
    await phone.confirm('Warn');
    await phone.page.locator('.state.sent').waitFor();
    await phone.close();
    assert.deepEqual((await desk.audit())[0], ['anna', 'Made codes', '3', 'done', '', 'lct']);
    await desk.tab('Warnings');
    await desk.heading('Warnings');
    assert.equal(await desk.page.getByText(codes[0]).count(), 0);
    const stored = await desk.page.evaluate(() => JSON.stringify([Object.keys(sessionStorage), Object.entries(localStorage)]));
    assert.ok(!codes.some((code) => stored.includes(code)));
    await desk.close();
  }, [...WITH_TOKEN, '--warning-codes', 'required']);
});

test('only the token is kept, and only until the tab is closed', async () => {
  const desk = await Desk.open(browser, system);
  await desk.signIn('not-the-token-at-all');
  await desk.sees('The gateway does not know this token.');
  await desk.signIn();
  await desk.heading('Now');
  await desk.page.reload();
  await desk.heading('Now');
  const kept = await desk.page.evaluate(async () => ({
    session: Object.fromEntries(Object.entries(sessionStorage)),
    rest: [localStorage.length, document.cookie, (await indexedDB.databases()).length, (await caches.keys()).length],
    address: location.href,
  }));
  assert.deepEqual(kept.session, { token: TOKEN });
  assert.deepEqual(kept.rest, [0, '', 0, 0]);
  assert.ok(!kept.address.includes(TOKEN));
  for (const request of desk.requests) assert.ok(!request.url().includes(TOKEN));
  const second = await desk.context.newPage();
  await second.goto(desk.address(system));
  await second.getByLabel('Token').waitFor();
  await second.close();
  await desk.tab('Places');
  await desk.posters('Town hall');
  await desk.press('Sign out');
  await desk.page.getByLabel('Token').waitFor();
  assert.equal(await desk.page.evaluate(() => sessionStorage.length), 0);
  await desk.signIn();
  await desk.heading('Places');
  assert.equal(await desk.page.getByText('is known here').count(), 0);
  await desk.close();
});

test('without a token at the gateway the page says how to set one', async () => {
  await System.during(async (on) => {
    const desk = await Desk.open(browser, on);
    await desk.heading('This page is closed');
    await desk.sees('LCT_OPS_TOKEN=duty:');
    await desk.close();
  });
});

test('the figures are live, and a gateway that is gone is said to be and comes back', async () => {
  await System.during(async (on) => {
    const desk = await Desk.at('Now', browser, on);
    const tile = (name) => desk.page.locator('.tiles > div', { hasText: name }).locator('dd');
    await desk.sees('primary');
    await desk.sees('There is no replica.');
    await desk.sees('none since Redis started'); // no snapshot, whatever Redis says of the last one
    const phone = await Phone.open(browser, on);
    await phone.begin();
    await phone.online();
    await phone.checkIn(await placeLink(phone.page, 'Bakery'));
    await phone.logged();
    const figure = (name, value) => settled(`${name}: ${value}`, async () => (await tile(name).textContent()) === value);
    await figure('Visits stored', '1');
    await figure('Connected clients', '1');
    await phone.close();
    await figure('Connected clients', '0');
    await desk.page.locator('.uplot canvas').first().waitFor();
    await on.stopGateway();
    await desk.sees('The gateway does not answer.', { timeout: 30_000 });
    await tile('Visits stored').waitFor(); // as it was
    await on.startGateway();
    await desk.page.getByText('The gateway does not answer.').waitFor({ state: 'detached', timeout: 20_000 });
    on.redis.kill('SIGTERM');
    await desk.sees('Redis does not answer.', { timeout: 60_000 });
    await on.startRedis();
    await desk.page.getByText('Redis does not answer.').waitFor({ state: 'detached', timeout: 60_000 });
    await desk.close();
  }, WITH_TOKEN);
});

test('where Redis forbids it, the page says which option to change', async () => {
  await System.during(async (on) => {
    await on.cli('ACL', 'SETUSER', 'weak', 'on', '>secret', '~*', '&*', '+@all', '-lct.warnings');
    await on.stopGateway();
    on.options = [...WITH_TOKEN, '--ops-redis', `redis://weak:secret@127.0.0.1:${on.redisPort}`];
    await on.startGateway();
    const desk = await Desk.at('Warnings', browser, on);
    await desk.sees('The gateway may not do this.');
    await desk.sees('--ops-redis');
    await desk.close();
  }, WITH_TOKEN);
});

test('the playground is looked at on its own', async () => {
  const desk = await Desk.at('Now', browser, system);
  await desk.graph('Sandbox');
  await desk.sees('Practice: the graph Sandbox.');
  await desk.tab('Places');
  const [link] = await desk.posters('Stage');
  assert.match(link, /\/c\?practice#/);
  const phone = await Phone.open(browser, system, { path: link.slice(system.url.length) });
  await phone.sees('Practice: nothing here is real');
  await phone.close();
  await desk.close();
});

test('by keyboard alone', async () => {
  const desk = await Desk.open(browser, system);
  const { page } = desk;
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
  const to = async (name) => {
    for (let i = 0; i < 40; i += 1) {
      if ((await focused()) === name) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`${name} cannot be reached`);
  };
  await page.getByLabel('Token').waitFor();
  await to('token');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await desk.heading('Now');
  assert.equal(await focused(), 'Now'); // where a screen reader begins
  await to('Places');
  await page.keyboard.press('Enter');
  await desk.heading('Places');
  assert.equal(await focused(), 'Places');
  await to('visitors');
  await page.keyboard.type(system.url);
  await to('name');
  await page.keyboard.type('Chapel');
  await page.keyboard.press('Enter');
  await page.locator('.poster').waitFor();
  await to('Warn of it');
  await page.keyboard.press('Enter');
  await desk.heading('Warnings');
  await page.goBack();
  await desk.heading('Places');
  await desk.close();
});

test('in Spanish, where the browser asks for it', async () => {
  const desk = await Desk.open(browser, system, { locale: 'es-MX' });
  await desk.page.getByLabel('Clave de acceso').fill(TOKEN);
  await desk.press('Entrar');
  await desk.heading('Ahora');
  assert.equal(await desk.page.locator('html').getAttribute('lang'), 'es');
  for (const tab of ['Oportunidades', 'Avisos', 'Lugares', 'Opiniones', 'Registro']) {
    await desk.tab(tab);
    // No word without a translation: those would be shown as their keys.
    assert.doesNotMatch(await desk.page.locator('body').innerText(), /\b(now|opp|held|list|declare|codes|places|feedback|audit|problem|people)\.[a-z]/);
  }
  await desk.press('English');
  await desk.heading('Audit');
  await desk.close();
});

test('the policy holds: nothing inline, no markup into the page', async () => {
  const policy = (await fetch(`http://127.0.0.1:${system.opsPort}/`)).headers.get('content-security-policy');
  assert.match(policy, /^default-src 'none'; script-src 'self'; /);
  assert.ok(!policy.includes('unsafe') && policy.includes("require-trusted-types-for 'script'"));
  // The visitors' page is not here, and what operators need is not there.
  assert.equal((await fetch(`http://127.0.0.1:${system.opsPort}/sw.js`)).status, 404);
  for (const file of ['/poster.js', '/vendor/uplot/uPlot.esm.js']) assert.equal((await fetch(system.url + file)).status, 404, file);
});

test('few bytes, few requests', async (t) => {
  const BUDGET = { body: 39_700, bytes: 59_700, requests: 30 };
  const weighed = await weigh(browser, `http://127.0.0.1:${system.opsPort}/`, (page) => page.getByLabel('Token').waitFor());
  within(t, BUDGET, weighed);
});

test('few bytes, few requests: signed in, with all charts drawn', async (t) => {
  const BUDGET = { body: 65_000, bytes: 87_000, requests: 34 };
  const weighed = await weigh(browser, `http://127.0.0.1:${system.opsPort}/`, async (page) => {
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.uplot canvas').nth(3).waitFor();
  });
  within(t, BUDGET, weighed);
});

for (const [name, size] of SCREENS) {
  test(`axe finds nothing, on ${name}`, async () => {
    const wrong = [];
    await System.during(async (on) => {
      await deskStates(browser, on, size, async (state, desk) => {
        for (const flaw of await desk.flaws()) wrong.push(`${state}: ${flaw}`);
      });
    }, WITH_TOKEN);
    assert.deepEqual(wrong, []);
  });
}
