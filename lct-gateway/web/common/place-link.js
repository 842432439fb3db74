// The link in a place's QR code, `/c#…`: docs/pages.md has the format. What comes after # never leaves the browser.

import { concat, fromBase64Url, random, toBase64Url, utf8 } from '/common/bytes.js';

const VERSION = 1;
const SIGNED = 1;
const GATHERING = 2;
const SIGNATURE = 64;
const covered = (bytes) => concat(utf8('lct-place-v1\n'), bytes);
const HEAD = 19;
const MAX_NAME = 100;
const MAX_BYTES = HEAD + 4 * MAX_NAME + SIGNATURE;

// Stays are counted in steps of this many minutes.
export const STAY_STEP = 5;
export const MAX_STAY = 24 * 60;

// Whether a text can name a place: 1 to 100 characters, none that controls how others are shown.
export function isName(text) {
  const length = [...text].length;
  return length >= 1 && length <= MAX_NAME && text === text.trim() && !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text);
}

// A random id, as places have it on posters and at the server: 16 bytes in base64url.
export const newPlaceId = () => toBase64Url(random(16));

// Writes { placeId, name, stay (minutes), gathering } as what comes after #.
export const encodePlace = (place) => toBase64Url(write(place, 0));

// The same, signed by an operator's key: an Ed25519 CryptoKey.
export async function encodeSigned(place, key) {
  const bytes = write(place, SIGNED);
  const signature = await crypto.subtle.sign('Ed25519', key, covered(bytes));
  return toBase64Url(concat(bytes, new Uint8Array(signature)));
}

function write({ placeId, name, stay, gathering = false }, flags) {
  const id = fromBase64Url(placeId);
  if (id.length !== 16 || !isName(name)) throw new Error('not a place');
  const steps = Math.min(Math.max(Math.round(stay / STAY_STEP), 1), 255);
  return concat([VERSION], id, [steps, flags | (gathering ? GATHERING : 0)], utf8(name));
}

// Whether one of these signed it: Ed25519 public keys in base64url.
export async function isSigned(text, keys) {
  const bytes = fromBase64Url(text);
  if (!(bytes[18] & SIGNED)) return false;
  const signature = bytes.slice(-SIGNATURE);
  for (const key of keys) {
    const reader = await crypto.subtle.importKey('raw', fromBase64Url(key), 'Ed25519', false, ['verify']);
    if (await crypto.subtle.verify('Ed25519', reader, signature, covered(bytes.slice(0, -SIGNATURE)))) return true;
  }
  return false;
}

// Reads what comes after #; null where that is no place. A signature is passed over: see isSigned.
export function decodePlace(text) {
  try {
    const bytes = fromBase64Url(text);
    if (bytes.length > MAX_BYTES || bytes[0] !== VERSION) return null;
    const flags = bytes[18];
    const end = bytes.length - (flags & SIGNED ? SIGNATURE : 0);
    const name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.slice(HEAD, end));
    if (!isName(name) || bytes[17] === 0 || flags & ~(SIGNED | GATHERING)) return null;
    const stay = Math.min(bytes[17] * STAY_STEP, MAX_STAY);
    return { placeId: toBase64Url(bytes.slice(1, 17)), name, stay, gathering: Boolean(flags & GATHERING) };
  } catch {
    return null;
  }
}
