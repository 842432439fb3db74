// Makes a picture of every state of the page, in phone and desktop width, and in both themes where that matters:
//
//   LCT_MODULE=… LCT_GATEWAY=… node screenshots.mjs [FOLDER]     (default: out/)

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { states } from './states.mjs';
import { Phone, launch } from './phone.mjs';
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
    const system = await System.start();
    try {
      await states(browser, system, size, async (name, phone) => {
        // As high as the page is, so that the tabs at the bottom are at the bottom.
        const height = await phone.page.evaluate(() => document.documentElement.scrollHeight);
        await phone.page.setViewportSize({ width: size.width, height: Math.max(height, size.height) });
        await phone.page.screenshot({ path: path.join(folder, `${name}-${shape}.png`) });
        await phone.page.setViewportSize({ width: size.width, height: size.height });
        console.log(`${name}-${shape}.png`);
      });
    } finally {
      await system.stop();
    }
  }
} finally {
  await browser.close();
}
