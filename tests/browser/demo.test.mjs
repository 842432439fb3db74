// What scripts/demo makes, on both pages: the built lct-demo before a real gateway and a real Redis with the module.

import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';
import { Desk, WITH_TOKEN } from './desk.mjs';
import { SCREENS, launch } from './person.mjs';
import { Phone } from './phone.mjs';
import { sampleStates } from './states.mjs';
import { System, until } from './system.mjs';

const DAY = 86_400_000;
const skip = !System.canDemo && 'lct-demo is not built beside the gateway';

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const nothing = async () => {};

// All that a phone keeps, by table, and its identity.
const kept = (phone, graph) => phone.page.evaluate(async (graph) => {
  const { Store } = await import('/store.js');
  const { meta, ...tables } = await (await Store.open(graph)).load();
  const { devicePublicKey, role, privateKey } = meta.identity;
  return { identity: { devicePublicKey, role, readable: privateKey.extractable }, tables };
}, graph);

test('a phone in practice has two weeks and an alert, an operator withdraws it, and nothing is real', { skip }, async () => {
  await System.during(async (on) => {
    const town = await on.demo();
    const before = await on.info('visits', 'Sandbox');
    const phone = await sampleStates(browser, on, {}, nothing, town);
    await phone.tab('Calendar');
    const days = phone.page.locator('.day');
    const visits = phone.page.locator('.day .visits li');
    const [dayCount, count] = [await days.count(), await visits.count()];
    assert.ok(dayCount >= 10 && count >= 15, `${count} visits on ${dayCount} days`);
    assert.equal(await phone.page.locator('.state.there').count(), count);
    assert.equal(await on.info('visits', 'Sandbox'), before + count);
    const names = new Set(await visits.locator('.name').allTextContents());
    assert.ok(names.size >= 3 && [...names].every((name) => /^\p{Lu}\p{L}+/u.test(name)), [...names].join('; '));
    // Its own key, made here: none came with the link.
    const { identity, tables } = await kept(phone, 'Sandbox');
    assert.deepEqual([identity.role, identity.readable], ['device', false]);
    assert.ok(tables.alerts.length >= 1);

    // An operator withdraws the warning that alerted it.
    const desk = await Desk.at('Now', browser, on);
    await desk.graph('Sandbox');
    await desk.tab('Warnings');
    await desk.button(/^Withdraw: Of a place/).click();
    await desk.confirm('Withdraw');
    await phone.tab(/Alerts/);
    await phone.sees('Withdrawn', { exact: true });
    assert.equal(await on.cli('EXISTS', 'lct'), '0', 'the main graph was not touched');

    // Opened again, it asks, and doubles nothing.
    await phone.page.goto(town.diary);
    await phone.heading('An invented diary');
    await phone.sees('What is in this practice phone already stays');
    await phone.press('Fill the calendar');
    await phone.heading('The last 14 days');
    await until('all is sent', async () => (await phone.page.locator('.state.there').count()) === count);
    assert.equal(await on.info('visits', 'Sandbox'), before + count);
    // In a town that was made anew, too: what the phone has is logged there.
    await on.demo('--anew');
    await phone.page.goto(town.diary);
    await phone.press('Fill the calendar');
    await until('all is there', async () => (await on.info('visits', 'Sandbox')) === before + count);
    await phone.close();
    await desk.close();
  }, WITH_TOKEN);
});

test('a real phone takes no diary from a link, and one in practice none that is not right', { skip }, async () => {
  await System.during(async (on) => {
    const { diary, library } = await on.demo();
    const sample = diary.split('#')[1];
    const real = await Phone.open(browser, on);
    await real.begin();
    await real.online();
    const { identity } = await kept(real, '');
    for (const path of ['/', '/c']) {
      await real.page.goto(`${on.url}${path}#${sample}`);
      await real.sees('This is not the link of a place');
    }
    assert.equal(real.requests.filter((request) => request.url().includes('/practice/')).length, 0);
    const after = await kept(real, '');
    assert.deepEqual(after.identity, identity);
    assert.deepEqual(Object.values(after.tables).flat(), []);
    assert.equal(await on.cli('EXISTS', 'lct'), '0');
    // Nor is what only practice needs on every phone.
    const cached = await real.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      const cache = await caches.open((await caches.keys())[0]);
      return (await cache.keys()).map(({ url }) => new URL(url).pathname);
    });
    assert.ok(cached.includes('/model.js') && !cached.some((path) => path.startsWith('/practice/')), cached.join(' '));
    await real.close();

    const phone = await Phone.open(browser, on, { path: '/?practice' });
    const place = library.split('#')[1];
    const wrong = await phone.page.evaluate(async ([sample, place, day]) => {
      const { readSample } = await import('/practice/sample.js');
      const minute = (ms) => Math.floor(ms / 60_000).toString(36);
      const now = Date.now();
      const visit = (ago, stay) => `sample~5~${place}.${minute(now - ago)},${minute(stay)}`;
      const bad = ['', 'sample', 'sample~', 'sample~5', `sample~x${visit(day, day / 2).slice(8)}`, `sample~5~${place}`, `sample~5~${place}.`,
        `sample~5~${place}.x`, `sample~5~x.${minute(now - day)},1`, visit(-day, 60_000), visit(day, 2 * day), visit(day, 0), visit(20 * day, day)];
      const taken = bad.filter((text) => readSample(text));
      const right = readSample(visit(day, day / 2));
      return { taken, length: right.visits[0].end - right.visits[0].start, whole: readSample(sample).visits.length, later: readSample(sample, now + 20 * day) };
    }, [sample, place, DAY]);
    assert.deepEqual([wrong.taken, wrong.length, wrong.later], [[], DAY / 2, null]);
    assert.ok(wrong.whole >= 15);
    await phone.begin();
    await phone.page.goto(`${on.url}/?practice#sample~5~x`);
    await phone.sees('This is not the link of a place');
    await phone.close();
  });
});

for (const [name, size] of SCREENS) {
  test(`axe finds nothing, on ${name}`, { skip }, async () => {
    const wrong = [];
    await System.during(async (on) => {
      const phone = await sampleStates(browser, on, size, async (state, phone) => {
        for (const flaw of await phone.flaws()) wrong.push(`${state}: ${flaw}`);
      }, await on.demo());
      await phone.close();
    });
    assert.deepEqual(wrong, []);
  });
}
