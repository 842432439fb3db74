// Figures as people read them. Nothing here decides anything: rounding for privacy is done by the gateway.

import { format, number, t } from '/common/text.js';
import { DAY, HOUR, MINUTE, SECOND } from '/common/time.js';

export const moment = format({ dateStyle: 'medium', timeStyle: 'short' });
export const hourOf = format({ hour: 'numeric' });
export const shortDay = format({ weekday: 'short', day: 'numeric', month: 'short' });

const unit = (value, name, digits) =>
  number(value, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits });

// How long something is, to the unit that says enough.
export function span(ms) {
  if (ms < SECOND) return unit(ms, 'millisecond', 0);
  if (ms < MINUTE) return unit(ms / SECOND, 'second', 0);
  if (ms < HOUR) return unit(ms / MINUTE, 'minute', 0);
  if (ms < 2 * DAY) return unit(ms / HOUR, 'hour', 1);
  return unit(ms / DAY, 'day', 1);
}

export const latency = (ms) => unit(ms, 'millisecond', ms < 10 ? 2 : 0);

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

export function size(bytes) {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), SIZES.length - 1);
  return `${number(bytes / 1000 ** step, { maximumFractionDigits: step ? 1 : 0 })} ${SIZES[step]}`;
}

export const rate = (value) => number(value, { maximumFractionDigits: value < 10 ? 1 : 0 });

// What is told of how many people: { about } or { fewerThan }, or a plain number.
export function people(found) {
  if (typeof found === 'number') return number(found);
  return found.fewerThan === undefined ? t('people.about', { n: number(found.about) }) : t('people.few', { n: number(found.fewerThan) });
}
