// What the page knows and can do. Views read it and call it; it tells them when something changed.

import { Link } from '/link.js';
import { makeIdentity, readCode, signHello, supported } from '/keys.js';
import { KEPT, Store, isOld } from '/store.js';
import { UNSENT, answered, nextJob, refused, settled } from '/sync.js';
import { fetchModule } from '/common/parts.js';
import { chooseLanguage } from '/common/text.js';
import { decodePlace, isSigned, newPlaceId } from '/common/place-link.js';
import { DAY, HOUR, MINUTE } from '/common/time.js';

// The gateway takes no longer ones.
export const LONGEST_VISIT = DAY;
const STAY = 60;
const UNAVAILABLE_PAUSE = 5_000;

export class Model {
  // Phases: loading, unsupported, elsewhere (open in another window), failed, start, code (to be kept), ready, erasing,
  // gone (erased), revoked.
  constructor(changed) {
    this.changed = changed;
    // The playground: /?practice. A database, a key and a graph of its own.
    this.practice = new URLSearchParams(location.search).has('practice');
    this.phase = 'loading';
    this.view = { name: 'here' };
    this.line = 'closed';
    this.meta = {};
    this.places = [];
    this.visits = [];
    this.warnings = [];
    this.alerts = [];
    this.notes = [];
    this.said = '';
  }

  async begin() {
    await chooseLanguage(navigator.languages);
    if (!(await supported())) return this.become('unsupported');
    await this.takeOver();
    this.store = await Store.open(this.practice ? 'Sandbox' : '');
    Object.assign(this, await this.store.load());
    if (this.meta.language) await chooseLanguage([this.meta.language]);
    readsCodes().then((canScan) => {
      this.canScan = canScan;
      this.changed();
    });
    this.readLink();
    addEventListener('hashchange', () => this.readLink());
    addEventListener('popstate', ({ state }) => this.show(state ?? { name: 'here' }));
    setInterval(() => this.tick(), 15_000);
    if (this.meta.revoked) this.become('revoked');
    else if (this.meta.erase) this.goOn('erasing');
    else if (this.meta.identity) this.goOn('ready');
    else this.become('start');
  }

  // One window at a time, the newest: two would send everything twice.
  async takeOver() {
    if (!navigator.locks) return;
    await new Promise((resolve) => {
      const held = () => {
        resolve();
        return new Promise(() => {});
      };
      navigator.locks.request('lct', { steal: true }, held).catch(() => {
        this.link?.stop();
        this.become('elsewhere');
      });
    });
  }

  become(phase) {
    this.phase = phase;
    this.changed();
  }

  goOn(phase) {
    this.become(phase);
    navigator.storage?.persist?.();
    this.link = new Link({
      open: () => this.ask(),
      hello: (nonce) => this.hello(this.meta.identity, nonce),
      events: { state: (state) => this.lineIs(state), alerts: (list) => this.alerted(list) },
    });
    this.link.start();
  }

  // Asks the gateway how it wants to be spoken to. True where there is no challenge to wait for.
  async ask() {
    if (!this.info || this.asked < Date.now() - HOUR) {
      const answer = await fetch('/v1/info', { cache: 'no-store' });
      if (!answer.ok) throw new Error('no info');
      this.info = await answer.json();
      this.asked = Date.now();
      // For a warning written, or a place's code read, without a net.
      for (const name of ['codesRequired', 'placeKeys']) {
        const told = this.info[name] || undefined;
        if (this.store && String(told) !== String(this.meta[name])) await this.set(name, told);
      }
      this.checkLink();
      this.changed();
    }
    return this.info.auth === 'open';
  }

  get codesRequired() {
    return Boolean(this.info ? this.info.codesRequired : this.meta.codesRequired);
  }

  // How many warnings the community had; in practice, that of the invented diary, if there is one.
  get situation() {
    return this.practice ? this.meta.situation : this.info?.situation;
  }

  // The first message. It waits for what `ask` learns, since the signature names the graph.
  async hello(identity, nonce) {
    if (!this.info) await this.ask();
    const { graphName, sandbox } = this.info;
    const graph = this.practice ? sandbox : graphName;
    const { devicePublicKey, codePublicKey, role } = identity;
    if (nonce === undefined) return { type: 'hello', userID: devicePublicKey, graphName: graph };
    const signature = await signHello(identity, graph, nonce);
    return { type: 'hello', graphName: graph, devicePublicKey, codePublicKey, key: role, signature };
  }

  lineIs(state) {
    this.line = state;
    if (state === 'revoked') this.wasRevoked();
    if (state === 'online') this.sync();
    this.changed();
  }

  // ── first start ──

  async makeKeys() {
    this.made = await makeIdentity();
    this.become('code');
  }

  async keptCode() {
    await this.set('identity', this.made.identity);
    this.made = null;
    this.goOn('ready');
  }

  // ── where to be ──

  go(name, more = {}) {
    const view = { name, ...more };
    history.pushState(view, '', this.home);
    this.show(view);
  }

  get home() {
    return this.practice ? '/?practice' : '/';
  }

  show(view) {
    this.view = view;
    this.changed();
  }

  // A place's link: taken out of the address bar at once, so that a reload is no second check-in.
  async readLink() {
    if (!location.hash || location.hash === '#') return;
    const link = location.href;
    const text = location.hash.slice(1);
    const place = decodePlace(text);
    history.replaceState({ name: 'here' }, '', this.home);
    if (place) this.show({ name: 'place', place, link });
    else this.show((await this.readSample(text)) ? { name: 'sample' } : { name: 'here', problem: 'link' });
    this.checkLink();
  }

  // An invented diary: for practice only, a real phone knows no such links.
  async readSample(text) {
    if (!this.practice || !text.startsWith('sample~')) return false;
    const { readSample } = await fetchModule('/practice/sample.js');
    this.sample = readSample(text);
    return this.sample !== null;
  }

  // Notes whether the operators signed the link that is looked at, where it is known who they are.
  async checkLink() {
    const { view } = this;
    const keys = (this.info ?? this.meta).placeKeys;
    if (!view.link) return;
    view.signed = keys && (await isSigned(view.link.split('#')[1], keys));
    this.changed();
  }

  // Opens the link of a place, however it was read. False where the text is none, or one of another server.
  openLink(text) {
    const link = URL.canParse(text) && new URL(text);
    if (link.origin !== location.origin || link.pathname !== '/c' || !decodePlace(link.hash.slice(1))) return false;
    if (link.searchParams.has('practice') === this.practice) location.replace(link.hash);
    else location.assign(link);
    return true;
  }

  // ── visits ──

  get running() {
    return this.runningAt(Date.now()).at(-1);
  }

  runningAt(now) {
    const running = this.visits.filter((visit) => !visit.gone && visit.start <= now && now < visit.end);
    return running.sort((a, b) => a.start - b.start);
  }

  // Starts a visit now, for `stay` minutes; what was running ends.
  async checkIn(place, minutes) {
    const now = Date.now();
    for (const visit of this.runningAt(now)) await this.checkOut(visit, now);
    const id = await this.note(place, now, now + minutes * MINUTE);
    this.say('said.checkedIn', { name: place.name });
    this.go('here', { id }); // anew, from its top
    this.sync();
  }

  // Writes down a visit that is to be logged, and its place; gives the visit's id.
  async note({ placeId, name, stay }, start, end, id = crypto.randomUUID()) {
    const known = this.places.find((place) => place.place_id === placeId);
    const fresh = { formatted_address: '', plus_code: '', lat: null, lng: null, stay: STAY };
    await this.keep('places', { ...fresh, ...known, place_id: placeId, name, ...(stay && { stay }) });
    await this.keep('visits', {
      id,
      placeId,
      name,
      start,
      end,
      graphName: this.practice ? 'Sandbox' : '',
      loggedNodeId: '',
      there: null,
      gone: false,
      ...UNSENT,
    });
    return id;
  }

  gathering(name, minutes) {
    return this.checkIn({ placeId: newPlaceId(), name, stay: minutes }, minutes);
  }

  async checkOut(visit, now = Date.now()) {
    await this.change(visit, { end: Math.max(now, visit.start + 1) });
    this.say('said.checkedOut', { name: visit.name });
  }

  async lengthen(visit, minutes) {
    await this.change(visit, { end: Math.min(visit.end + minutes * MINUTE, visit.start + LONGEST_VISIT) });
    this.say('said.lengthened', { name: visit.name });
  }

  async change(visit, times) {
    await this.keep('visits', Object.assign(visit, times, { problem: '' }));
    this.sync();
  }

  // Why a visit cannot have these times; '' if it can.
  obstacle(visit, start, end) {
    if (!(start < end)) return 'edit.endFirst';
    if (end - start > LONGEST_VISIT) return 'edit.tooLong';
    if (start > Date.now()) return 'edit.ahead';
    if (end <= Date.now() - KEPT) return 'edit.tooOld';
    const twin = (other) => other.id !== visit.id && !other.gone && other.placeId === visit.placeId && other.start === start;
    return this.visits.some(twin) ? 'edit.twin' : '';
  }

  async deleteVisit(visit) {
    if (visit.there || visit.trying) await this.keep('visits', Object.assign(visit, { gone: true, problem: '' }));
    else await this.lose('visits', visit);
    this.say('said.deleted', { name: visit.name });
    this.sync();
  }

  deletePlace(place) {
    return this.lose('places', place);
  }

  // ── warnings and alerts ──

  async warn(reason, since, code) {
    await this.keep('warnings', {
      id: crypto.randomUUID(),
      reason,
      since,
      code,
      issued: Date.now(),
      retracted: false,
      there: false,
      ...UNSENT,
    });
    this.sync();
  }

  async retract(warning) {
    if (warning.there || warning.trying) await this.keep('warnings', Object.assign(warning, { retracted: true, problem: '' }));
    else await this.lose('warnings', warning);
    this.sync();
  }

  async alerted(list) {
    for (const { alert, reason, state, issued } of list) {
      const [id, change] = alert.split('.');
      const known = this.alerts.find((known) => known.id === id);
      if (known && Number(known.version.split('.')[1]) >= Number(change)) {
        if (known.version === alert) known.acknowledged = false; // told again: our word was lost
        continue;
      }
      const received = known?.received ?? Date.now();
      await this.keep('alerts', { id, version: alert, reason, state, issued, received, shown: false, acknowledged: false });
      this.say(state === 'withdrawn' ? 'said.withdrawn' : 'said.alert');
    }
    this.sync();
    this.changed();
  }

  get news() {
    return this.alerts.filter((alert) => !alert.shown);
  }

  // The person has these before their eyes.
  async alertsShown() {
    if (document.visibilityState !== 'visible') return;
    for (const alert of this.news) await this.keep('alerts', Object.assign(alert, { shown: true }));
    this.sync();
  }

  // ── my data ──

  async exportData() {
    const { visits, places, warnings, alerts } = this;
    const server = await this.link.ask({ type: 'exportMyData' }).catch(() => null);
    return {
      made: new Date().toISOString(),
      onThisPhone: {
        places: places.map(({ stay, ...place }) => place),
        visits: visits.filter((visit) => !visit.gone).map(({ id, name, placeId, start, end, loggedNodeId }) => ({ id, name, placeId, start, end, loggedNodeId })),
        warnings: warnings.map(({ id, reason, since, issued, retracted }) => ({ id, reason, since, issued, retracted })),
        alerts: alerts.map(({ version, reason, state, issued }) => ({ alert: version, reason, state, issued })),
      },
      onTheServer: server ? server.visits : 'not reached',
    };
  }

  async sendNote(text) {
    await this.keep('notes', { id: crypto.randomUUID(), text, written: Date.now(), ...UNSENT });
    this.sync();
  }

  // Deletes what this phone has, and forgets who it was.
  async eraseHere() {
    this.link?.stop();
    await this.store.destroy();
    this.forget();
    this.become('gone');
  }

  // The same here and at the server; `type` is forgetMe or revokeMe. The key goes when the server has answered.
  async eraseEverywhere(type) {
    const erase = { type, hold: type === 'forgetMe' ? settled(this, Date.now()) : 0 };
    await this.store.set('erase', erase);
    await this.store.clear(['identity', 'erase', 'language']);
    this.forget();
    this.meta.erase = erase;
    this.become('erasing');
    this.sync();
  }

  forget() {
    const { identity, language } = this.meta;
    Object.assign(this, { places: [], visits: [], warnings: [], alerts: [], notes: [], meta: { identity, language } });
  }

  async wasRevoked() {
    if (this.phase === 'gone') return;
    await this.set('revoked', true);
    await this.set('identity', undefined);
    this.become('revoked');
  }

  async startAnew() {
    await this.store.destroy().catch(() => {});
    location.replace(this.home);
  }

  async setLanguage(language) {
    await chooseLanguage([language]);
    await this.set('language', language);
    this.changed();
  }

  // Another phone's key code: nothing of it is kept.
  async openGuest(code) {
    const identity = await readCode(code);
    if (!identity) return false;
    const guest = { line: 'closed', alerts: [], removed: null, revoked: false, sealed: false };
    guest.link = new Link({
      open: () => this.ask(),
      hello: (nonce) => this.hello(identity, nonce),
      events: {
        state: (state) => {
          guest.line = state;
          if (state === 'revoked') guest.revoked = true;
          this.changed();
        },
        alerts: (list) => {
          for (const alert of list) {
            const [id] = alert.alert.split('.');
            guest.alerts = [{ ...alert, id }, ...guest.alerts.filter((known) => known.id !== id)];
          }
          this.changed();
        },
      },
    });
    guest.link.start();
    this.guest = guest;
    this.changed();
    return true;
  }

  async guestErase(type) {
    const { guest } = this;
    guest.problem = '';
    try {
      const { removed } = await guest.link.ask({ type });
      Object.assign(guest, { removed, alerts: [], revoked: type === 'revokeMe' });
      if (guest.revoked) guest.link.stop();
    } catch (error) {
      if (error.code === 'revoked') guest.revoked = true;
      else guest.problem = error.code ?? 'lost';
    }
    this.changed();
  }

  closeGuest() {
    this.guest?.link.stop();
    this.guest = null;
    this.changed();
  }

  // ── keeping ──

  async keep(table, record) {
    const list = this[table];
    const at = list.findIndex((known) => key(table, known) === key(table, record));
    if (at < 0) list.push(record);
    else list[at] = record;
    await this.store.put(table, record);
    this.changed();
  }

  async lose(table, record) {
    this[table] = this[table].filter((known) => key(table, known) !== key(table, record));
    await this.store.delete(table, key(table, record));
    this.changed();
  }

  async set(name, value) {
    if (value === undefined) delete this.meta[name];
    else this.meta[name] = value;
    await this.store.set(name, value);
  }

  // Says something to who cannot see the page, too.
  say(text, values = {}) {
    this.said = { text, values };
    this.changed();
  }

  // Time passes: visits end, what is 14 days old goes, what was held back may go on.
  async tick() {
    if (this.phase !== 'ready' && this.phase !== 'erasing') return;
    const now = Date.now();
    for (const table of ['visits', 'warnings', 'alerts', 'notes']) {
      for (const record of this[table].filter((record) => isOld(table, record, now))) await this.lose(table, record);
    }
    this.sync();
    this.changed();
  }

  // ── saying it to the gateway ──

  async sync() {
    if (this.syncing) {
      this.again = true;
      return;
    }
    this.syncing = true;
    try {
      do {
        this.again = false;
        while (this.link?.state === 'online' && Date.now() >= (this.pausedUntil ?? 0) && (await this.step()));
      } while (this.again);
    } finally {
      this.syncing = false;
    }
  }

  // Does the next job. False where there is none to do now.
  async step() {
    const { erase } = this.meta;
    const job = nextJob({ ...this, erase }, Date.now());
    if (!job?.message) return false;
    const { table, record, message } = job;
    if (record) {
      record.trying = message;
      record.tries += 1;
      await this.keep(table, record);
    }
    try {
      const ack = await this.link.ask(message);
      if (job.erase) await this.erased(message.type);
      else if (this.meta.erase) return true; // erased meanwhile: nothing is to be noted any more
      else if (job.records) await this.acknowledged(job.records);
      else if (answered(table, record, message, ack, Date.now())) await this.keep(table, record);
      else await this.lose(table, record);
      return true;
    } catch (error) {
      return this.notDone(job, error);
    }
  }

  async notDone({ table, record, message, erase }, error) {
    const { code, retry_ms: retry } = error;
    if (code === undefined) throw error;
    if (code === 'lost') return false;
    if (code === 'revoked') {
      this.link.stop('revoked');
      return false;
    }
    if (code === 'rate_limited' || code === 'unavailable') {
      // Certainly not done, or done and safe to repeat: the same again.
      const pause = retry ?? UNAVAILABLE_PAUSE * (1 + Math.random());
      this.pausedUntil = Date.now() + pause;
      this.line = code === 'unavailable' ? 'down' : 'limited';
      setTimeout(() => {
        if (this.link.state === 'online') this.lineIs('online');
      }, pause + 10);
      this.changed();
      return false;
    }
    // Where ids are believed (--auth open) nobody may erase: what is left is what the phone could do.
    if (erase && code === 'not_allowed') await this.erased();
    if (!record) return false;
    if (code === 'internal') {
      // Nobody knows whether it was done: the same again, later.
      await this.keep(table, Object.assign(record, { hold: Date.now() + MINUTE }));
      return true;
    }
    // The caps begin anew at midnight (UTC).
    const tomorrow = code === 'limited' ? Date.now() - (Date.now() % DAY) + DAY : 0;
    refused(record, message, error, tomorrow);
    if (record.gone && !record.there) await this.lose(table, record);
    else await this.keep(table, record);
    return true;
  }

  async acknowledged(alerts) {
    for (const alert of alerts) {
      // One that has changed meanwhile is another record.
      if (this.alerts.includes(alert)) await this.keep('alerts', Object.assign(alert, { acknowledged: true }));
    }
  }

  async erased(type) {
    this.meta.erase = null;
    this.link.stop();
    await this.store.destroy();
    this.erasedBy = type;
    this.become('gone');
  }
}

// Whether this browser finds QR codes in what the camera sees.
async function readsCodes() {
  try {
    return (await BarcodeDetector.getSupportedFormats()).includes('qr_code');
  } catch {
    return false;
  }
}

const key = (table, record) => (table === 'places' ? record.place_id : record.id);
