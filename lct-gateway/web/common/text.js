// Words, in the person's language, and dates as that language writes them.

const LANGUAGES = ['en', 'es'];
// Until those of a language are there, or where they cannot be had: enough to say so.
let strings = {
  loading: 'One moment … · Un momento …',
  'failed.title': 'LCT',
  'failed.text': 'The page could not be loaded whole. · No se pudo cargar toda la página.',
  'failed.again': 'Load again · Cargar de nuevo',
};
// The chosen language as the person's system has it (en-GB), for dates and numbers.
let locale = 'en';
let plural = new Intl.PluralRules('en');

// A file of the page that could not be had; `code` as for a gateway that does not answer.
export class NotLoaded extends Error {
  code = 'down';
}

// Takes the first of these languages that there are strings for. Throws NotLoaded and leaves all as it was if it cannot.
export async function chooseLanguage(wanted) {
  const short = wanted.map((tag) => tag.slice(0, 2).toLowerCase());
  const chosen = short.find((tag) => LANGUAGES.includes(tag)) ?? 'en';
  const answer = await fetch(`/strings/${chosen}.json`).catch(() => null);
  const found = answer?.ok && (await answer.json().catch(() => null));
  if (!found) throw new NotLoaded(`/strings/${chosen}.json`);
  strings = found;
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
