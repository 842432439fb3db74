// Questions to the gateway's operators' API (docs/operators.md).

import { SECOND } from '/common/time.js';

// The gateway itself gives up after 30.
const DEADLINE = 35 * SECOND;

// What the gateway did not do: its `code` for programs, its line for people. Without an answer `down`, `slow` where it came not
// in time, and `unknown` where something was to be done: it may have been.
export class Refused extends Error {
  constructor(status, code, message = '') {
    super(message);
    Object.assign(this, { status, code });
  }
}

// GET, or POST where something is to be done, with a body or without; until `signal` says that nobody waits any more. The token
// never goes into the address.
export async function ask(path, { token, query = {}, body, post = Boolean(body), signal }) {
  const address = `/v1/${path}?${new URLSearchParams(query)}`;
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) };
  const deadline = AbortSignal.timeout(DEADLINE);
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
      signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
    });
    text = await answer.text();
  } catch {
    if (post && !body?.dryRun) throw new Refused(0, 'unknown');
    throw new Refused(0, deadline.aborted ? 'slow' : 'down');
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
