// Questions to the gateway's operators' API (docs/operators.md).

import { SECOND } from '/common/time.js';

const DEADLINE = 20 * SECOND;

// What the gateway did not do: its `code` for programs, its line for people. `down`: it did not answer at all.
export class Refused extends Error {
  constructor(status, code, message = '') {
    super(message);
    Object.assign(this, { status, code });
  }
}

// GET, or POST where something is to be done, with a body or without. The token never goes into the address.
export async function ask(path, { token, query = {}, body, post = Boolean(body) }) {
  const address = `/v1/${path}?${new URLSearchParams(query)}`;
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) };
  let answer;
  let text;
  try {
    answer = await fetch(address, {
      method: post ? 'POST' : 'GET',
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(DEADLINE),
    });
    text = await answer.text();
  } catch {
    throw new Refused(0, 'down');
  }
  const found = parsed(text);
  if (answer.ok && found) return found;
  throw new Refused(answer.status, found?.code ?? 'internal', found?.message ?? text.trim().slice(0, 200));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
