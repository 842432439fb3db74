// Words, in the person's language, and dates as that language writes them.

const LANGUAGES = ['en', 'es'];
let strings = {};
export let language = 'en';
let plural = new Intl.PluralRules('en');

// Takes the first of these languages that there are strings for.
export async function chooseLanguage(wanted) {
  const short = wanted.map((tag) => tag.slice(0, 2).toLowerCase());
  const chosen = short.find((tag) => LANGUAGES.includes(tag)) ?? 'en';
  const answer = await fetch(`/strings/${chosen}.json`);
  strings = await answer.json();
  language = chosen;
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

const format = (options) => (ms) => new Intl.DateTimeFormat(language, options).format(ms);
export const time = format({ hour: 'numeric', minute: '2-digit' });
export const day = format({ weekday: 'long', day: 'numeric', month: 'long' });
export const date = format({ day: 'numeric', month: 'long', year: 'numeric' });
// Days that the gateway gives are UTC days.
export const utcDate = format({ day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

export function interval(start, end) {
  const sameDay = new Date(start).toDateString() === new Date(end - 1).toDateString();
  const how = sameDay ? { hour: 'numeric', minute: '2-digit' } : { weekday: 'short', hour: 'numeric', minute: '2-digit' };
  return new Intl.DateTimeFormat(language, how).formatRange(start, end);
}

export function duration(minutes) {
  if (minutes < 60) return t('minutes', { count: minutes });
  const hours = new Intl.NumberFormat(language).format(minutes / 60);
  return t('hours', { count: minutes / 60, hours });
}
