// Words, in the person's language, and dates as that language writes them.

const LANGUAGES = ['en', 'es'];
let strings = {};
// The chosen language as the person's system has it (en-GB), for dates and numbers.
let locale = 'en';
let plural = new Intl.PluralRules('en');

// Takes the first of these languages that there are strings for.
export async function chooseLanguage(wanted) {
  const short = wanted.map((tag) => tag.slice(0, 2).toLowerCase());
  const chosen = short.find((tag) => LANGUAGES.includes(tag)) ?? 'en';
  const answer = await fetch(`/strings/${chosen}.json`);
  strings = await answer.json();
  locale = navigator.languages.find((tag) => tag.startsWith(`${chosen}-`)) ?? chosen;
  plural = new Intl.PluralRules(chosen);
  document.documentElement.lang = chosen;
  document.title = t('app.title');
}

// The text for a key, `{name}` filled in; where the text is one for each plural form, that of `count`.
export function t(key, values = {}) {
  let text = strings[key] ?? key;
  if (typeof text === 'object') text = text[plural.select(values.count)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

export const format = (options) => (ms) => new Intl.DateTimeFormat(locale, options).format(ms);
export const time = format({ hour: 'numeric', minute: '2-digit' });
const dayAndTime = format({ weekday: 'short', hour: 'numeric', minute: '2-digit' });
export const day = format({ weekday: 'long', day: 'numeric', month: 'long' });
export const date = format({ day: 'numeric', month: 'long', year: 'numeric' });
// Days that the gateway gives are UTC days.
export const utcDate = format({ day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

// The day a visit begins stands above it; one that ends on another day says which.
export function interval(start, end) {
  const sameDay = new Date(start).toDateString() === new Date(end - 1).toDateString();
  return `${time(start)} – ${sameDay ? time(end) : dayAndTime(end)}`;
}

export const number = (value, options) => new Intl.NumberFormat(locale, options).format(value);

export function duration(minutes) {
  if (minutes < 60) return t('minutes', { count: minutes });
  return t('hours', { count: minutes / 60, hours: number(minutes / 60) });
}
