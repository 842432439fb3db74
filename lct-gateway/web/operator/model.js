// What the operators' page knows: who is on duty, which graph is looked at, where one is, and the places known by name.
// What is asked of the gateway belongs to the views. Everything kept is in sessionStorage, gone with the tab.

import { Refused, ask } from '/api.js';
import { decodePlace } from '/common/place-link.js';
import { chooseLanguage } from '/common/text.js';

const KEPT = ['token', 'graph', 'language', 'places', 'visitors'];

export class Model {
  // Phases: loading, token (asks for it), closed (the gateway has none), down (no answer yet), ready, failed.
  constructor(changed) {
    this.changed = changed;
    this.phase = 'loading';
    this.view = 'now';
    this.said = '';
    for (const name of KEPT) this[name] = sessionStorage.getItem(name) ?? '';
    this.places = readPlaces(this.places);
  }

  async begin() {
    await chooseLanguage(this.language ? [this.language] : navigator.languages);
    addEventListener('hashchange', () => this.look());
    this.view = viewOf(location.hash);
    await this.enter();
  }

  become(phase, problem) {
    Object.assign(this, { phase, problem });
    this.changed();
  }

  // Takes a value, and keeps it until the tab is closed where the browser has room; says whether it has.
  keep(name, value, text = value) {
    this[name] = value;
    const kept = store(name, text);
    this.changed();
    return kept;
  }

  // Asks who one is, with the token there is; without one, whether the gateway takes any.
  async enter() {
    try {
      this.me = await ask('me', { token: this.token });
      if (!this.me.graphs.includes(this.graph)) this.graph = this.me.graph;
      this.become('ready');
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) this.leave(this.token && 'wrong');
      else if (error.status === 403) this.become('closed', error);
      else this.become('down', error);
    }
  }

  async signIn(token) {
    this.keep('token', token);
    await this.enter();
  }

  // Leaves nothing but the language to who comes next.
  signOut() {
    for (const name of KEPT.filter((name) => name !== 'language')) sessionStorage.removeItem(name);
    Object.assign(this, { graph: '', visitors: '', places: new Map(), unkept: false, chosen: undefined, declaring: undefined, said: '' });
    this.leave();
  }

  // Forgets the token. `why`: 'wrong' where the gateway did not take it.
  leave(why) {
    sessionStorage.removeItem('token');
    this.token = '';
    this.me = null;
    this.become('token', why);
  }

  // Asks about the graph that is looked at. Who is not known any more is asked for the token again.
  async ask(path, { query, ...rest } = {}) {
    try {
      return await ask(path, { token: this.token, query: { ...query, graph: this.graph }, ...rest });
    } catch (error) {
      if (error.status === 401 && this.token) this.leave('wrong');
      throw error;
    }
  }

  // ── where to be ──

  go(view) {
    location.hash = view;
  }

  look() {
    this.view = viewOf(location.hash);
    this.changed();
  }

  // Says something to who cannot see the page, too.
  say(text) {
    this.said = text;
    this.changed();
  }

  async setLanguage(language) {
    await chooseLanguage([language]);
    this.keep('language', language);
  }

  // ── places ──

  // Takes a list of places, a link a line, to what is known; gives how many are in it.
  addPlaces(text) {
    const found = readPlaces(text);
    this.keepPlaces(new Map([...this.places, ...found]));
    return found.size;
  }

  keepPlaces(places) {
    // Where there is no room for all, those of before would come back: none is kept then.
    this.unkept = !this.keep('places', places, [...places.values()].map(({ link }) => link).join('\n'));
    if (this.unkept) sessionStorage.removeItem('places');
  }

  // The name of a place, where it is known here; its id otherwise.
  nameOf(placeId) {
    return this.places.get(placeId)?.name ?? placeId;
  }
}

function store(name, text) {
  try {
    sessionStorage.setItem(name, text);
    return true;
  } catch {
    return false; // full
  }
}

export const VIEWS = ['now', 'opportunities', 'warnings', 'places', 'feedback', 'audit'];

function viewOf(hash) {
  const name = hash.slice(1);
  return VIEWS.includes(name) ? name : 'now';
}

// Lines that are links of places, by place id: { placeId, name, stay, link }.
function readPlaces(text) {
  const places = new Map();
  for (const line of text.split(/\s+/)) {
    const place = line.includes('#') && decodePlace(line.slice(line.indexOf('#') + 1));
    if (place) places.set(place.placeId, { ...place, link: line });
  }
  return places;
}
