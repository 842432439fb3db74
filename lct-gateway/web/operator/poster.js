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

// Room for the name, above the code, in millimetres.
const WIDE = 180;
const HIGH = 70;
const LINE = 1.15;
const [LARGEST, SMALLEST, SMALLEST_WHOLE] = [19, 4, 10];

// The name in lines that fit, as large as fits; words are broken only where they would be too small.
function inLines(name) {
  const fits = (lines, size) => lines && lines.length * size * LINE <= HIGH;
  for (let size = LARGEST; size >= SMALLEST_WHOLE; size -= 1) {
    const lines = wrapped(name.split(' '), WIDE / size);
    if (fits(lines, size)) return { lines, size };
  }
  const letters = name.split(' ').map((word) => [...word]);
  for (let size = LARGEST; size > SMALLEST; size -= 1) {
    const lines = broken(letters, WIDE / size);
    if (fits(lines, size)) return { lines, size };
  }
  return { lines: broken(letters, WIDE / SMALLEST), size: SMALLEST };
}

const measure = document.createElement('canvas').getContext('2d');
measure.font = '700 100px system-ui, sans-serif';
// How wide a text is, in its size.
const width = (text) => measure.measureText(text).width / 100;

// Words in lines; null where one is wider than a line.
function wrapped(words, most) {
  const lines = [];
  for (const word of words) {
    if (width(word) > most) return null;
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && width(longer) <= most) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// The same, letter by letter where a word is wider than a line.
function broken(words, most) {
  const pieces = words.flatMap((letters) => {
    const parts = [''];
    for (const letter of letters) {
      if (parts.at(-1) === '' || width(parts.at(-1) + letter) <= most) parts[parts.length - 1] += letter;
      else parts.push(letter);
    }
    return parts;
  });
  return wrapped(pieces, Math.max(most, ...pieces.map(width)));
}

// Everything in millimetres.
export function Poster({ place }) {
  const { name, code, link } = place;
  const { lines, size } = inLines(name);
  // About the middle of what is free; 0.35: half a capital.
  const top = 47 - ((lines.length - 1) * size * LINE) / 2 + size * 0.35;
  const side = 128;
  const plain = { 'text-anchor': 'middle', 'font-family': 'system-ui, sans-serif', fill: '#17211f' };
  return html`<svg class="poster" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 297" role="img" aria-label=${t('poster.label', { name })}>
    <rect width="210" height="297" fill="#fff" />
    <rect width="210" height="7" fill="#0d6e64" />
    ${lines.map((line, i) => html`<text x="105" y=${top + i * size * LINE} ...${plain} font-size=${size} font-weight="700">${line}</text>`)}
    <svg class="modules" x=${(210 - side) / 2} y="92" width=${side} height=${side} viewBox="0 0 ${code.size} ${code.size}" shape-rendering="crispEdges">
      <rect width=${code.size} height=${code.size} fill="#fff" /><path d=${code.path} fill="#000" />
    </svg>
    <text x="105" y="236" ...${plain} font-size="10" font-weight="700" fill="#0d6e64">${t('poster.scan')}</text>
    ${[1, 2, 3].map((n) => html`<text x="105" y=${242 + n * 8} ...${plain} font-size="5.2">${t(`poster.text.${n}`)}</text>`)}
    ${link.match(/.{1,110}/g).map((part, i) => html`<text x="105" y=${276 + i * 3.2} ...${plain} font-family="monospace" font-size="2.5">${part}</text>`)}
  </svg>`;
}
