// The two keys a visitor is, and the key code (docs/protocol.md, "Who a client is").
//
// The device key is made by the browser and cannot be read out of it, not even by this page. The code key exists only while
// its code is shown or typed in.

import { concat, random, toBase64Url, utf8 } from '/common/bytes.js';
import { decodeBase32, encodeBase32 } from '/base32.js';

const ED25519 = { name: 'Ed25519' };
const SALT = 'lct-key-code-v1';
const CODE_BYTES = 50;

// What comes before the 32 bytes of a seed in PKCS #8.
const PKCS8 = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);

// An identity: { role: 'device' | 'code', devicePublicKey, codePublicKey, privateKey }, public keys in base64url.

// A new visitor, and the key code, which is kept nowhere.
export async function makeIdentity() {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(ED25519, false, ['sign', 'verify']);
  const device = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
  const secret = random(16);
  const { codePublicKey } = await codeKey(secret);
  const identity = { role: 'device', devicePublicKey: toBase64Url(device), codePublicKey, privateKey };
  return { identity, code: await writeCode(secret, device) };
}

// The identity that a key code stands for; null where it is not one (a typing mistake is noticed).
export async function readCode(text) {
  const bytes = decodeBase32(text, CODE_BYTES);
  if (!bytes) return null;
  const [secret, device, sum] = [bytes.slice(0, 16), bytes.slice(16, 48), bytes.slice(48)];
  const right = await check(secret, device);
  if (right[0] !== sum[0] || right[1] !== sum[1]) return null;
  return { role: 'code', devicePublicKey: toBase64Url(device), ...(await codeKey(secret)) };
}

export async function writeCode(secret, device) {
  const text = encodeBase32(concat(secret, device, await check(secret, device)));
  return text.match(/.{5}/g).join('-');
}

// The signature with which an identity answers a challenge of this page's own gateway.
export async function signHello({ privateKey }, graph, nonce) {
  const text = utf8(`lct-hello-v1\n${graph}\n${nonce}\n${location.origin}`);
  return toBase64Url(new Uint8Array(await crypto.subtle.sign(ED25519, privateKey, text)));
}

async function check(secret, device) {
  const hash = await crypto.subtle.digest('SHA-256', concat(utf8(SALT), secret, device));
  return new Uint8Array(hash, 0, 2);
}

export async function codeSeed(secret) {
  const input = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt: utf8(SALT), info: utf8('ed25519 seed') };
  return new Uint8Array(await crypto.subtle.deriveBits(how, input, 256));
}

async function codeKey(secret) {
  const pkcs8 = concat(PKCS8, await codeSeed(secret));
  // Once readable, for its public half; the one that is used is not.
  const readable = await crypto.subtle.importKey('pkcs8', pkcs8, ED25519, true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', readable);
  return { codePublicKey: x, privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, ED25519, false, ['sign']) };
}

// Whether this browser can do all that.
export async function supported() {
  try {
    await crypto.subtle.generateKey(ED25519, false, ['sign']);
    return 'indexedDB' in globalThis;
  } catch {
    return false;
  }
}
