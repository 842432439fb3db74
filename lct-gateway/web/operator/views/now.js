// Now: the figures of this moment, half an hour of history, and what needs a hand.

import { Chart } from '/chart.js';
import { Component, html } from '/common/html.js';
import { View } from '/common/parts.js';
import { number, t, time } from '/common/text.js';
import { HOUR, MINUTE, SECOND } from '/common/time.js';
import { latency, moment, rate, size, span } from '/figures.js';
import { Busy, Problem } from '/views/parts.js';

const HISTORY = 30 * MINUTE;
// A doorbell that was not heard for so long, while the gateway tries it every few seconds, is broken.
const DEAF = MINUTE;
// Old visits go by a purge that comes round within minutes.
const GRACE = HOUR;

export class NowView extends Component {
  state = { samples: [] };

  componentDidMount() {
    this.look();
    document.addEventListener('visibilitychange', this.seen);
  }

  componentWillUnmount() {
    this.over = true;
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.seen);
  }

  seen = () => {
    if (document.visibilityState === 'visible') this.look();
  };

  look = async () => {
    clearTimeout(this.timer);
    if (this.asking || document.visibilityState !== 'visible') return;
    this.asking = true;
    let pause = 5 * SECOND;
    try {
      const since = this.state.samples.at(-1)?.at;
      const { interval, samples, state } = await this.props.model.ask('now', { query: since ? { since } : {} });
      pause = interval;
      this.took(samples, state);
    } catch (problem) {
      if (problem.code === undefined) throw problem;
      if (!this.over) this.setState({ problem });
    } finally {
      this.asking = false;
    }
    if (!this.over) this.timer = setTimeout(this.look, pause);
  };

  took(fresh, now) {
    if (this.over) return;
    const last = this.state.samples.at(-1)?.at ?? 0;
    const all = [...this.state.samples, ...fresh.filter(({ at }) => at > last)];
    const end = all.at(-1)?.at ?? 0;
    this.setState({ samples: all.filter(({ at }) => at > end - HISTORY), now, problem: null });
  }

  render({ model }, { samples, now, problem }) {
    return html`<${View} title=${t('now.title')}>
      <${Problem} problem=${problem} />
      ${!now && !problem && html`<${Busy} />`}
      ${now && html`
        <${Attention} now=${now} last=${samples.at(-1)} />
        <${Tiles} last=${samples.at(-1)} />
        <${Charts} samples=${samples} />
        <${State} now=${now} model=${model} />
      `}
    <//>`;
  }
}

const isKnown = (value) => value !== null && value !== undefined;

const or = (value, show, unknown = 'now.unknown') => (isKnown(value) ? show(value) : html`<span class="unknown">${t(unknown)}</span>`);

function Tiles({ last = {} }) {
  const tiles = [
    ['visits', or(last.visits, rate)],
    ['clients', or(last.clients, number)],
    ['latency', or(last.latency, ({ p50, p99 }) => `${latency(p50)} / ${latency(p99)}`, 'now.noCalls')],
    ['doorbell', or(last.doorbellAge, span)],
    ['memory', or(last.memory, size)],
    ['perVisit', or(last.bytesPerVisit, size)],
    ['stored', or(last.storedVisits, number)],
  ];
  return html`<dl class="tiles">${tiles.map(([name, value]) => html`<div class="card"><dt>${t(`now.${name}`)}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Charts({ samples }) {
  const times = samples.map(({ at }) => at);
  const of = (pick) => samples.map((sample) => pick(sample) ?? null);
  const charts = [
    { name: 'visits', show: rate, least: 1, series: [{ label: t('now.visits'), values: of(({ visits }) => visits), tone: 'accent' }] },
    { name: 'clients', show: rate, least: 4, series: [{ label: t('now.clients'), values: of(({ clients }) => clients), tone: 'accent' }] },
    { name: 'latency', show: latency, least: 0.5, series: [
      { label: 'p50', values: of(({ latency }) => latency?.p50), tone: 'accent' },
      { label: 'p99', values: of(({ latency }) => latency?.p99), tone: 'danger', dash: true },
    ] },
    { name: 'memory', show: size, least: 1000, series: [{ label: t('now.memory'), values: of(({ memory }) => memory), tone: 'accent' }] },
  ];
  return html`<div class="charts">
    ${charts.map(({ name, show, least, series }) => html`<${Chart} key=${name} title=${t(`now.${name}`)} times=${times} series=${series}
      show=${show} when=${time} least=${least} span=${HISTORY} />`)}
  </div>`;
}

// What is not as it should be, and what to do about it.
function Attention({ now, last = {} }) {
  const { redis, aof, rdb, role, replicas, oldest, retention, held } = now;
  const list = [
    redis === 'down' && 'redis',
    redis === 'denied' && 'denied',
    role === 'replica' && 'replica',
    aof && !aof.on && 'aofOff',
    aof?.on && !aof.ok && 'aofBad',
    rdb && !rdb.ok && 'rdbBad',
    role === 'primary' && replicas === 0 && 'alone',
    retention > 0 && oldest && Date.now() - oldest > retention + GRACE && 'old',
    last.doorbellAge > DEAF && 'doorbell',
  ].filter(Boolean);
  return html`<section class=${`card ${list.length > 0 ? 'urgent' : 'calm'}`} aria-labelledby="attention">
    <h2 id="attention">${t(list.length > 0 ? 'now.attention' : 'now.well')}</h2>
    ${list.length > 0 && html`<ul>${list.map((name) => html`<li><strong>${t(`now.bad.${name}`)}</strong> ${t(`now.bad.${name}.do`)}</li>`)}</ul>`}
    ${held > 0 && html`<p><a href="#warnings">${t('now.held', { n: number(held) })}</a></p>`}
  </section>`;
}

function State({ now }) {
  const { oldest, retention, lastPurge, role, replicas, aof, rdb, gateway, module } = now;
  const rows = [
    // Without an oldest there is no visit, if anything is known of the graph at all.
    ['oldest', or(oldest ?? (isKnown(retention) ? 0 : null), (ms) => (ms ? `${moment(ms)} (${span(Date.now() - ms)})` : t('now.nothing')))],
    ['retention', or(retention, (ms) => (ms ? span(ms) : t('now.forever')))],
    ['lastPurge', or(lastPurge, (ms) => (ms ? moment(ms) : t('now.notYet')))],
    ['role', or(role, (role) => t(`now.role.${role}`))],
    ['replicas', or(replicas, number)],
    ['aof', or(aof, ({ on, ok }) => t(!on ? 'now.off' : ok ? 'now.ok' : 'now.notOk'))],
    ['rdb', or(rdb, ({ ok, at }) => t(`now.rdb.${ok ? 'ok' : 'notOk'}${at ? '' : '.none'}`, { at: moment(at) }))],
    ['versions', html`${or(gateway, String)} / ${or(module, String)}`],
  ];
  return html`<section class="card">
    <h2>${t('now.state')}</h2>
    <dl class="rows">${rows.map(([name, value]) => html`<div><dt>${t(`now.${name}`)}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}
