// Posters: places made in this browser, and how they look on A4. Nothing of it is sent anywhere.

import { html } from '/common/html.js';
import { encodePlace, encodeSigned, newPlaceId } from '/common/place-link.js';
import { qrPath } from '/common/qr.js';
import { t } from '/common/text.js';

// A place with a fresh id and its link on the visitors' page, e.g. https://lct.example.org.
export async function makePlace({ visitors, name, stay, key, practice }) {
  const place = { placeId: newPlaceId(), name, stay };
  const payload = key ? await encodeSigned(place, key) : encodePlace(place);
  const link = `${visitors}/c${practice ? '?practice' : ''}#${payload}`;
  return { ...place, link, signed: Boolean(key), code: await qrPath(link) };
}

// An Ed25519 key from a PEM file (PKCS #8, as `openssl genpkey -algorithm ed25519` writes it). It cannot be read out again.
export async function readKey(pem) {
  const text = /^-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/.exec(pem.trim())?.[1];
  if (!text) throw new Error('not a private key');
  const bytes = Uint8Array.from(atob(text.replaceAll(/\s/g, '')), (c) => c.charCodeAt(0));
  return crypto.subtle.importKey('pkcs8', bytes, 'Ed25519', false, ['sign']);
}

// The name in lines that fit, at the size that fits.
function inLines(name) {
  const most = [...name].length > 40 ? 24 : 17;
  const lines = [];
  for (const word of name.split(' ')) {
    const letters = [...word];
    while (letters.length > most) lines.push(letters.splice(0, most).join(''));
    const rest = letters.join('');
    const last = lines.at(-1);
    if (last !== undefined && [...last, ...letters].length + 1 <= most) lines[lines.length - 1] = `${last} ${rest}`;
    else lines.push(rest);
  }
  return { lines, size: most === 17 ? 19 : 13 };
}

// Everything in millimetres.
export function Poster({ place }) {
  const { name, code, link } = place;
  const { lines, size } = inLines(name);
  const top = 48 - ((lines.length - 1) * size) / 3;
  const side = 128;
  const plain = { 'text-anchor': 'middle', 'font-family': 'system-ui, sans-serif', fill: '#17211f' };
  return html`<svg class="poster" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 297" role="img" aria-label=${t('poster.label', { name })}>
    <rect width="210" height="297" fill="#fff" />
    <rect width="210" height="7" fill="#0d6e64" />
    ${lines.map((line, i) => html`<text x="105" y=${top + i * size * 1.15} ...${plain} font-size=${size} font-weight="700">${line}</text>`)}
    <svg class="modules" x=${(210 - side) / 2} y="92" width=${side} height=${side} viewBox="0 0 ${code.size} ${code.size}" shape-rendering="crispEdges">
      <rect width=${code.size} height=${code.size} fill="#fff" /><path d=${code.path} fill="#000" />
    </svg>
    <text x="105" y="236" ...${plain} font-size="10" font-weight="700" fill="#0d6e64">${t('poster.scan')}</text>
    ${[1, 2, 3].map((n) => html`<text x="105" y=${242 + n * 8} ...${plain} font-size="5.2">${t(`poster.text.${n}`)}</text>`)}
    ${link.match(/.{1,110}/g).map((part, i) => html`<text x="105" y=${276 + i * 3.2} ...${plain} font-family="monospace" font-size="2.5">${part}</text>`)}
  </svg>`;
}
