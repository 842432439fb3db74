// What is to be said to the gateway next: the difference between what the person wants and what the server has.
//
// A message is noted in its record before it is sent (`trying`) and sent again unchanged until it is answered, so that
// nothing happens twice or half. Whoever had to repeat one waits a minute before contradicting it (docs/protocol.md).

import { MINUTE } from '/common/time.js';

// A record of which the gateway knows nothing yet.
export const UNSENT = { trying: null, tries: 0, hold: 0, problem: '' };

// How a record waits that is not sent yet: held back until the caps begin anew, or to be sent soon.
export function waitingAs({ trying, hold }, now) {
  return !trying && hold - now > 2 * MINUTE ? 'limited' : 'waiting';
}

// The next job: { table, record, message }, or { at } if one becomes due later, or null.
export function nextJob({ erase, visits, warnings, alerts, notes }, now) {
  if (erase) return erase.hold > now ? { at: erase.hold } : { erase: true, message: { type: erase.type } };
  const jobs = [
    ...visits.map((visit) => job('visits', visit, visitMessage(visit), now)),
    ...warnings.map((warning) => job('warnings', warning, warningMessage(warning), now)),
    shownAlerts(alerts),
    ...notes.map((note) => job('notes', note, { type: 'userFeedback', text: note.text }, now)),
  ].filter(Boolean);
  return jobs.find((job) => job.message) ?? jobs.sort((a, b) => a.at - b.at)[0] ?? null;
}

function job(table, record, wanted, now) {
  const message = record.trying ?? wanted;
  if (!message || record.problem) return null;
  return record.hold > now ? { at: record.hold } : { table, record, message };
}

function visitMessage({ placeId, start, end, gone, there, loggedNodeId }) {
  if (gone) return there && { type: 'deleteVisit', loggedNodeId };
  if (!there) return { type: 'logVisit', place_id: placeId, start, end };
  if (there.start === start && there.end === end) return null;
  return { type: 'updateVisit', loggedNodeId, start, end };
}

function warningMessage({ id, reason, since, code, retracted, there }) {
  if (retracted) return there && { type: 'retractWarning', warning: id };
  if (there) return null;
  return { type: 'exposureWarning', warning: id, reason, ...(since && { since }), ...(code && { code }) };
}

function shownAlerts(alerts) {
  const shown = alerts.filter((alert) => alert.shown && !alert.acknowledged);
  if (shown.length === 0) return null;
  return { table: 'alerts', records: shown, message: { type: 'alertReceived', alerts: shown.map(({ version }) => version) } };
}

// Notes what the answer to a record's message says. Gives false where the record is done with.
export function answered(table, record, message, ack, now) {
  const repeated = record.tries > 1;
  Object.assign(record, { trying: null, tries: 0, hold: repeated ? now + MINUTE : 0 });
  switch (message.type) {
    case 'logVisit':
    case 'updateVisit':
      record.there = { start: message.start, end: message.end };
      record.loggedNodeId = ack.loggedNodeId;
      return true;
    case 'exposureWarning':
      record.there = true;
      delete record.code; // spent
      return true;
    case 'retractWarning':
      record.there = false;
      record.done = true;
      return true;
    default:
      return false; // deleted, or said
  }
}

// Notes that a message was refused. `wait` is when it may be tried again, in epoch milliseconds, if ever.
export function refused(record, message, { code }, wait) {
  Object.assign(record, { trying: null, tries: 0 });
  if (code === 'unknown_visit') {
    // Gone at the server, by another hand or by age: what is still wanted is logged anew.
    Object.assign(record, { there: null, loggedNodeId: '' });
  } else if (wait) {
    record.hold = wait;
  } else if (!record.gone || message.type === 'deleteVisit') {
    record.problem = code;
  }
}

// When all that was sent and not answered, or repeated, can no longer arrive after what is sent then.
export function settled({ visits, warnings }, now) {
  const open = [...visits, ...warnings].filter((record) => record.trying || record.hold > now);
  return open.length > 0 ? now + MINUTE : 0;
}
