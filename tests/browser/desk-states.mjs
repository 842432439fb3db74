// Goes through every state of the operators' page and calls `at(name, desk)` in each: for axe and for pictures. The graph is
// the playground, filled by `town` so that there is something to see.

import { Desk, TOKEN } from './desk.mjs';
import { System } from './system.mjs';

const HOUR = 3_600_000;

// Eight people at two places every morning of a week, warnings of all kinds, texts.
async function smallTown(on) {
  const today = Math.floor(Date.now() / (24 * HOUR));
  const visits = [];
  for (let day = today - 7; day < today; day += 1) {
    for (let hour = 8; hour < 12; hour += 1) {
      const start = (day * 24 + hour) * HOUR;
      for (let i = 0; i < 8 + hour; i += 1) visits.push(`v${i}`, hour % 2 ? 'AAECAwQFBgcICQoLDA0ODw' : 'town-hall', start, start + 50 * 60_000);
    }
  }
  await on.cli('LCT.VISIT', 'Sandbox', ...visits);
  const warn = (id, ...rest) => on.cli('LCT.WARN', 'Sandbox', `7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a0${id}`, ...rest);
  await warn(1, 'v0', 'positive', 'HOLD', 3);
  await warn(2, 'v1', 'symptoms');
  await warn(3, 'v2', 'contact');
  await on.cli('LCT.RETRACT', 'Sandbox', '7b0e5c52-8a4f-4d0c-9a53-4c1d2f6e0a03');
  for (const text of ['The poster is torn.', 'Thank you!']) await on.cli('XADD', 'lct:feedback:Sandbox', `${today * 24 * HOUR}-*`, 'text', text);
}

export async function deskStates(browser, on, size, at, town = smallTown) {
  const list = await town(on);
  const anna = await Desk.open(browser, on, size);
  await anna.page.getByLabel('Token').waitFor();
  await at('token', anna);
  await anna.signIn('not-the-token-at-all');
  await anna.sees('The gateway does not know this token.');
  await at('token-wrong', anna);
  await anna.signIn(TOKEN);
  await anna.heading('Now');
  await anna.graph('Sandbox');
  await anna.sees('Practice: the graph Sandbox.');
  if (list) {
    await anna.tab('Places');
    await anna.page.getByLabel('Open a list').setInputFiles(list);
    await anna.sees(/places in it/);
    await anna.tab('Now');
  }
  await anna.page.locator('.uplot canvas').nth(3).waitFor();
  await anna.sees('Needs a hand');
  await at('now', anna);
  await anna.tab('Opportunities');
  await anna.page.locator('table.heat').waitFor();
  await anna.page.locator('.uplot canvas').waitFor();
  await at('opportunities', anna);
  await anna.page.getByLabel('Period').selectOption('week');
  await anna.page.getByLabel('Figure').selectOption('peak');
  await anna.page.getByText('One place only').click();
  await anna.page.locator('caption', { hasText: 'Most people' }).waitFor();
  await at('opportunities-week', anna);
  await anna.page.getByLabel('Id of the place').fill('nowhere');
  await anna.page.getByLabel('Id of the place').press('Enter');
  await anna.sees('Nothing to tell');
  await at('opportunities-none', anna);

  await anna.tab('Warnings');
  await anna.sees('Releasing it now would alert');
  await at('warnings', anna);
  await anna.press('Release');
  await anna.page.getByRole('dialog').waitFor();
  await at('warning-release', anna);
  await anna.confirm('Cancel');
  await anna.page.getByText('Warn of a place').click();
  await anna.press('Count whom it would alert');
  await anna.sees('Which place?');
  await at('declare-wrong', anna);
  const local = (ms) => new Date(ms).toLocaleString('sv-SE', { timeZone: 'Europe/Madrid' }).replace(' ', 'T').slice(0, 16);
  await anna.page.getByLabel('Id of the place').fill('town-hall');
  await anna.page.getByLabel('From', { exact: true }).fill(local(Date.now() - 72 * HOUR));
  await anna.page.getByLabel('To', { exact: true }).fill(local(Date.now()));
  await anna.press('Count whom it would alert');
  await anna.sees('This would alert');
  await at('declare-counted', anna);
  await anna.press('Warn them');
  await anna.page.getByRole('dialog').waitFor();
  await at('declare-question', anna);
  await anna.confirm('Warn them');
  await anna.sees('Done: ');
  await at('declared', anna);
  await anna.page.getByText('Make one-time codes').click();
  await anna.press('Make codes');
  await anna.sees('10 codes, good until');
  await at('codes', anna);
  await anna.press('Reject');
  await anna.confirm('Reject');
  await anna.sees('None. A warning that would alert');
  await at('warnings-none-held', anna);

  await anna.tab('Places');
  await anna.heading('Places');
  await at('places', anna);
  await anna.page.getByText('Sign the posters').click();
  await anna.press('Make posters');
  await anna.sees('An address with https://, please');
  await at('places-wrong', anna);
  await anna.posters('Riverside school', ['class 1', 'class 2']);
  await anna.page.getByText(/are known here/).click();
  await at('posters', anna);
  await anna.tab('Feedback');
  await anna.page.locator('.entry').first().waitFor();
  await at('feedback', anna);
  await anna.page.getByLabel('Show').selectOption('done');
  await at('feedback-done', anna);
  await anna.tab('Audit');
  await anna.page.locator('table.plain').waitFor();
  await at('audit', anna);
  await anna.press('Español');
  await anna.heading('Registro');
  await at('audit-es', anna);
  await anna.tab('Avisos');
  await anna.sees('Todos los avisos');
  await at('warnings-es', anna);
  await anna.press('English');
  await anna.heading('Warnings');
  await anna.graph('lct');
  await anna.sees('No warning was given lately.');
  await at('warnings-empty', anna);
  await anna.tab('Feedback');
  await anna.sees('Nothing here.');
  await at('feedback-empty', anna);
  await anna.tab('Now');
  await anna.page.locator('.tiles').waitFor();
  await on.stopGateway();
  await anna.sees('The gateway does not answer.', { timeout: 20_000 });
  await at('now-down', anna);
  await anna.tab('Warnings');
  await anna.sees('The gateway does not answer.');
  await at('warnings-down', anna);
  await on.startGateway();
  await anna.press('Try again');
  await anna.sees('No warning was given lately.');
  await on.stopRedis();
  await anna.tab('Now');
  await anna.sees('Redis does not answer.', { timeout: 60_000 });
  await at('now-no-redis', anna);
  for (const tab of ['Opportunities', 'Warnings', 'Feedback', 'Audit']) {
    await anna.tab(tab);
    await anna.sees('Redis cannot do it now.', { timeout: 60_000 });
    await at(`${tab.toLowerCase()}-no-redis`, anna);
  }
  await on.startRedis();
  await anna.breaks();
  await anna.heading('Something went wrong here');
  await at('failed', anna);

  const slow = await Desk.open(browser, on, size);
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await slow.page.route('**/v1/now?*', async (route) => {
    await held;
    await route.continue();
  });
  await slow.signIn();
  await slow.sees('One moment');
  await at('now-loading', slow);
  go();
  await slow.page.locator('.tiles').waitFor();
  for (const desk of [anna, slow]) await desk.context.close();

  await System.during(async (closed) => {
    const desk = await Desk.open(browser, closed, size);
    await desk.heading('This page is closed');
    await at('closed', desk);
    await desk.page.route('**/v1/me?*', (route) => route.abort('connectionrefused'));
    await desk.press('Try again');
    await desk.heading('The gateway cannot be asked');
    await at('down', desk);
    await desk.context.close();
  });
}
