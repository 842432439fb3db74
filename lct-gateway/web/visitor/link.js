// The WebSocket to the gateway: opens it, says who we are, notices when it is dead, and opens it again without haste.

// After so much silence we ask for a sign of life, and so long we wait for one. A phone that changed networks keeps a
// socket that looks open and is not; nothing else tells.
export const PING_AFTER = 15_000;
export const PING_DEADLINE = 5_000;
const OPEN_DEADLINE = 12_000;
const ANSWER_DEADLINE = 20_000;
const LONGEST_PAUSE = 60_000;

// States: connecting, online, offline (no net), down (the gateway does not answer), limited (too fast), refused and
// revoked (for good), closed.
export class Link {
  // `hello(nonce)` makes the first message, `events` are { state(word), alerts(list) }.
  constructor({ open, hello, events }) {
    Object.assign(this, { open, hello, events });
    this.state = 'closed';
    this.failures = 0;
    this.notBefore = 0;
    this.waiting = new Map();
    this.nextId = 1;
  }

  start() {
    this.running = true;
    this.wakeUp = () => {
      if (document.visibilityState === 'visible') this.wake();
    };
    this.goneOffline = () => this.fail();
    document.addEventListener('visibilitychange', this.wakeUp);
    addEventListener('pageshow', this.wakeUp);
    addEventListener('online', this.wakeUp);
    addEventListener('offline', this.goneOffline);
    this.connect();
  }

  stop(state = 'closed') {
    this.running = false;
    document.removeEventListener('visibilitychange', this.wakeUp);
    removeEventListener('pageshow', this.wakeUp);
    removeEventListener('online', this.wakeUp);
    removeEventListener('offline', this.goneOffline);
    clearTimeout(this.timer);
    this.drop();
    this.set(state);
  }

  // Somebody looks at the page again, or the net is back: is the line still alive?
  wake() {
    if (!this.running) return;
    if (this.state === 'online') {
      this.ping();
    } else if (!this.socket) {
      // A random moment, because with the net or the morning many come back at once.
      this.later(Math.max(Math.random() * 1_000, this.notBefore - Date.now()));
    }
  }

  // Sends a message and gives its answer. Fails with { code, retry_ms? }; `lost` means that nobody knows.
  ask(message) {
    if (this.state !== 'online') return Promise.reject({ code: 'lost' });
    return this.exchange(message);
  }

  exchange(message) {
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(), ANSWER_DEADLINE);
      this.waiting.set(id, { resolve, reject, timer, visits: [] });
      this.socket.send(JSON.stringify({ ...message, id }));
    });
  }

  async connect() {
    clearTimeout(this.timer);
    if (!this.running || this.socket) return;
    // Tried without a net, too: some systems say so wrongly.
    if (!navigator.onLine) this.set('offline');
    else if (!['down', 'limited'].includes(this.state)) this.set('connecting');
    let socket;
    try {
      socket = this.socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    } catch {
      this.fail();
      return;
    }
    this.watch(OPEN_DEADLINE);
    socket.onmessage = ({ data }) => socket === this.socket && this.heard(data);
    socket.onclose = (event) => socket === this.socket && this.ended(event);
    try {
      if (await this.open()) await this.greet(undefined, socket);
    } catch {
      if (socket === this.socket) this.fail();
    }
  }

  // Says hello; `session` is the answer, and comes after the alerts that waited.
  async greet(nonce, socket) {
    if (socket.readyState === WebSocket.CONNECTING) {
      await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    }
    const message = await this.hello(nonce);
    if (socket !== this.socket) return;
    try {
      await this.exchange(message);
      this.failures = 0;
      this.notBefore = 0;
      this.set('online');
    } catch (error) {
      if (error.code === 'lost') return;
      this.stop(error.code === 'revoked' ? 'revoked' : 'refused');
    }
  }

  heard(data) {
    this.watch(PING_AFTER, true);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    const { type, id } = message;
    const waiting = this.waiting.get(id);
    if (type === 'challenge') {
      this.greet(message.nonce, this.socket).catch(() => this.fail());
    } else if (type === 'exposureAlert') {
      this.events.alerts(message.alerts);
    } else if (type === 'ping') {
      this.socket.send('{"type":"pong"}');
    } else if (waiting && type === 'ack' && message.more) {
      waiting.visits.push(...message.visits);
    } else if (waiting && (type === 'ack' || type === 'session' || type === 'error')) {
      this.waiting.delete(id);
      clearTimeout(waiting.timer);
      if (type === 'error') waiting.reject(message);
      else waiting.resolve(message.visits ? { ...message, visits: [...waiting.visits, ...message.visits] } : message);
    }
  }

  // The line must be heard from within `time`; `alive` asks first.
  watch(time, alive = false) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (alive ? this.ping() : this.fail()), time);
  }

  ping() {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return;
    if (document.visibilityState !== 'visible') {
      this.watch(PING_AFTER, true); // a sleeping page hears late; the gateway asks us instead
      return;
    }
    this.socket.send('{"type":"ping"}');
    this.watch(PING_DEADLINE);
  }

  ended({ code, reason }) {
    const pause = Number(/retry_ms=(\d+)/.exec(reason)?.[1] ?? 0);
    if (code === 4401 || code === 4403) this.stop(code === 4403 ? 'revoked' : 'refused');
    else this.fail(pause, code === 4013);
  }

  // The line is dead. Comes back after a random pause that grows with each failure.
  fail(pause = 0, limited = false) {
    this.drop();
    if (!this.running) return;
    const grown = Math.min((pause || 1_000) * 2 ** this.failures, LONGEST_PAUSE);
    const wait = grown * (0.5 + Math.random() / 2);
    this.failures += 1;
    if (pause) this.notBefore = Date.now() + pause;
    if (limited) this.set('limited');
    else if (!navigator.onLine) this.set('offline');
    else if (this.failures > 1) this.set('down');
    else this.set('connecting');
    this.later(Math.max(wait, pause));
  }

  later(time) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), time);
  }

  drop() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.socket = null;
    socket?.close();
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject({ code: 'lost' });
    }
    this.waiting.clear();
  }

  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.events.state(state);
  }
}
