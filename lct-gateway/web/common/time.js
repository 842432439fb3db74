// Lengths of time, in milliseconds.

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const two = (n) => String(n).padStart(2, '0');

// A day as `<input type="date">` has it: local.
export function toDateInput(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

// A time as `<input type="datetime-local">` has it: local, to the minute.
export function toTimeInput(ms) {
  const at = new Date(ms);
  return `${toDateInput(ms)}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
