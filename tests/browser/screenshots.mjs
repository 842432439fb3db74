// Makes a picture of every state of both pages, in phone and desktop width, and in both themes where that matters:
//
//   LCT_MODULE=… LCT_GATEWAY=… node screenshots.mjs [FOLDER]     (default: out/)
//
// Where lct-demo is built beside the gateway, operators see its town, and a phone in practice has one of its diaries.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { WITH_PLACE_KEY, sampleStates, states } from './states.mjs';
import { WITH_TOKEN } from './desk.mjs';
import { deskStates } from './desk-states.mjs';
import { launch } from './person.mjs';
import { System } from './system.mjs';

const folder = process.argv[2] ?? 'out';
await mkdir(folder, { recursive: true });
const SHAPES = [
  { name: 'phone', width: 390, height: 844, scheme: 'light' },
  { name: 'phone-dark', width: 390, height: 844, scheme: 'dark' },
  { name: 'desk', width: 1200, height: 800, scheme: 'light' },
];
const browser = await launch();
try {
  for (const { name: shape, ...size } of SHAPES) {
    // As high as the page is, so that the tabs at the bottom are at the bottom.
    const picture = async (name, { page }) => {
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ width: size.width, height: Math.max(height, size.height) });
      await page.screenshot({ path: path.join(folder, `${name}-${shape}.png`) });
      await page.setViewportSize({ width: size.width, height: size.height });
      console.log(`${name}-${shape}.png`);
    };
    await System.during((system) => states(browser, system, size, picture), WITH_PLACE_KEY);
    const desk = (name, person) => picture(`operators-${name}`, person);
    if (System.canDemo) await System.during(async (system) => sampleStates(browser, system, size, picture, await system.demo()));
    const town = System.canDemo ? async (system) => (await system.demo()).list : undefined;
    await System.during((system) => deskStates(browser, system, size, desk, town), WITH_TOKEN);
  }
} finally {
  await browser.close();
}
