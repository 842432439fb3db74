// Warnings: those that wait for a decision, declaring a place, one-time codes, and all of the last weeks.

import { Component, html } from '/common/html.js';
import { Field, View, saveFile } from '/common/parts.js';
import { number, t, utcDate } from '/common/text.js';
import { HOUR, MINUTE, DAY, toDateInput, toTimeInput } from '/common/time.js';
import { moment, people } from '/figures.js';
import { Asking, Busy, PlaceField, Problem } from '/views/parts.js';

const REASONS = ['positive', 'contact', 'symptoms'];
const PAGE = 50;
// Those that wait are asked for on their own: none is to be missed because many came after it.
const LISTS = { held: { state: 'held' }, all: {} };

export class WarningsView extends Asking {
  componentDidMount() {
    this.list();
  }

  // The newest of a list, or those that come after what is known.
  async page(name, known = []) {
    const before = known.at(-1)?.warning;
    const { warnings } = await this.props.model.ask('warnings', { query: { count: PAGE, ...LISTS[name], ...(before && { before }) } });
    return { warnings: [...known, ...warnings], more: warnings.length === PAGE };
  }

  // As much of a list as is shown, as it is now.
  async anew(name) {
    const shown = this.state.value?.[name].warnings.length ?? 0;
    let list = await this.page(name);
    while (list.more && list.warnings.length < shown) list = await this.page(name, list.warnings);
    return list;
  }

  list = () => this.load(async () => {
    const [held, all] = await Promise.all([this.anew('held'), this.anew('all')]);
    return { held, all };
  });

  older = (name) => this.load(async () => {
    const { value } = this.state;
    return { ...value, [name]: await this.page(name, value[name].warnings) };
  });

  // Does something to a warning and says how it went. `done` makes the words of the answer.
  act = async (id, action, done) => {
    const { model } = this.props;
    this.setState({ failed: null });
    try {
      const found = await model.ask(`warnings/${encodeURIComponent(id)}/${action}`, { post: true });
      model.say(done(found));
      this.setState({ told: done(found) });
    } catch (problem) {
      if (problem.code === undefined) throw problem;
      this.setState({ failed: problem, told: null });
    }
    await this.list();
  };

  // Somebody else has decided one.
  decided = (problem) => {
    this.setState({ failed: problem, told: null });
    this.list();
  };

  render({ model, ask }, { value, problem, busy, failed, told }) {
    const { held, all } = value ?? {};
    const rest = all?.warnings.filter(({ state }) => state !== 'held');
    return html`<${View} title=${t('warnings.title')}>
      <${Problem} problem=${failed} />
      ${told && html`<p class="card done">${told}</p>`}
      <${Problem} problem=${problem} again=${this.list} />
      ${busy && !value && html`<${Busy} />`}
      ${value && html`<section>
        <h2>${t('held.title')}</h2>
        ${held.warnings.length === 0 && html`<p class="card note">${t('held.none')}</p>`}
        ${held.warnings.map((warning) => html`<${Held} key=${warning.warning} model=${model} ask=${ask} warning=${warning}
          act=${this.act} decided=${this.decided} />`)}
        <${Shown} count=${held.warnings.length} more=${held.more} busy=${busy} older=${() => this.older('held')} />
      </section>`}
      <${Declare} model=${model} ask=${ask} done=${this.list} />
      <${Codes} model=${model} ask=${ask} />
      ${value && html`<section>
        <h2>${t('list.title')}</h2>
        ${rest.length === 0 && !all.more && html`<p class="card note">${t('list.none')}</p>`}
        ${rest.length > 0 && html`<ul class="list card">
          ${rest.map((warning) => html`<${Known} key=${warning.warning} ask=${ask} warning=${warning} act=${this.act} />`)}
        </ul>`}
        <${Shown} count=${rest.length} more=${all.more} busy=${busy} older=${() => this.older('all')} />
      </section>`}
    <//>`;
  }
}

// How many of a list are shown, and a way to more.
function Shown({ count, more, busy, older }) {
  if (count === 0 && !more) return null;
  return html`<p class="note" role="status">${t(more ? 'list.shown' : 'list.shown.all', { n: number(count) })}</p>
    ${more && html`<button disabled=${busy} onClick=${older}>${t('older')}</button>`}`;
}

// The first characters are enough to tell warnings apart; the whole id is a secret.
const short = (id) => id.slice(0, 8);

const describe = ({ kind, reason, issued }) => `${t(`kind.${kind}`)}: ${t(`reason.${reason}`)}, ${moment(issued)}`;

// One that waits: how many it would alert now, and the decision.
class Held extends Asking {
  componentDidMount() {
    this.count();
  }

  count = () => this.load(async () => {
    const { model, warning, decided } = this.props;
    try {
      return await model.ask(`warnings/${encodeURIComponent(warning.warning)}/dry-run`);
    } catch (problem) {
      if (problem.code === 'conflict') decided(problem);
      throw problem;
    }
  });

  // Counts again before it asks: people met since.
  release = async () => {
    const { warning, act, ask } = this.props;
    const found = await this.count();
    if (!found) return;
    ask({
      title: t('held.release.title'),
      text: [describe(warning), t('held.release.text', { n: people(found.alerted) })],
      go: t('held.release'),
      action: () => act(warning.warning, 'release', ({ alerted }) => t('held.released', { n: people(alerted) })),
    });
  };

  render({ warning, act, ask }, { value, problem, busy }) {
    const id = warning.warning;
    const reject = () => ask({
      title: t('held.reject.title'),
      text: [describe(warning), t('held.reject.text')],
      go: t('held.reject'),
      danger: true,
      action: () => act(id, 'reject', rejected),
    });
    return html`<article class="card urgent held">
      <h3>${t(`reason.${warning.reason}`)}</h3>
      <p class="times">${t(`kind.${warning.kind}`)} · ${moment(warning.issued)} · <span class="id">${short(id)}</span></p>
      <p class="many" role="status">${busy ? t('held.counting') : value && t('held.would', { n: people(value.alerted) })}</p>
      <${Problem} problem=${problem} again=${this.count} />
      <div class="buttons">
        <button class="danger" onClick=${reject}>${t('held.reject')}</button>
        <button class="main" disabled=${!value} onClick=${this.release}>${t('held.release')}</button>
      </div>
    </article>`;
  }
}

// It may have alerted people before it was held.
const rejected = ({ withdrawn }) => (withdrawn.about ? t('held.rejected.from', { n: people(withdrawn) }) : t('held.rejected'));

// One that was decided, or never held.
function Known({ warning, act, ask }) {
  const { warning: id, reason, kind, state, issued, alerts } = warning;
  const retract = () => ask({
    title: t('list.retract.title'),
    text: [describe(warning), t('list.retract.text', { n: people(alerts) })],
    go: t('list.retract'),
    danger: true,
    action: () => act(id, 'retract', ({ withdrawn }) => t('list.withdrawn', { n: people(withdrawn) })),
  });
  return html`<li>
    <div>
      <p class="name">${t(`reason.${reason}`)}</p>
      <p class="times">${t(`kind.${kind}`)} · ${moment(issued)} · <span class="id">${short(id)}</span></p>
      <p class="times">${t(`list.${state}`)} · ${t('list.alerts', { n: people(alerts) })}</p>
    </div>
    ${state === 'active' && html`<button aria-label=${t('list.retract.label', { what: describe(warning) })} onClick=${retract}>${t('list.retract')}</button>`}
  </li>`;
}

// Refusals after which nothing was done for certain.
const SURE = ['bad_value', 'not_allowed', 'rate_limited'];

// Declares a place: first how many that would alert, then the real thing, under the same id, so that a repeat is no second one.
// The id and the wish are kept (`model.declaring`: { graph, warning, wish }) until an answer says that it is done; for the same
// place they are taken again, also after a look at another tab.
class Declare extends Component {
  constructor(props) {
    super(props);
    const { declaring, chosen, graph } = props.model;
    this.state = { place: chosen ?? '', reason: 'contact', from: '', to: '', stay: '15' };
    if (declaring?.graph !== graph || (chosen && chosen !== declaring.wish.place)) return;
    const { place, reason, from, to, minTime = 0 } = declaring.wish;
    const times = { from: toTimeInput(from), to: toTimeInput(to), stay: String(minTime / MINUTE) };
    this.state = { place, reason, ...times, problem: { code: 'unknown' } };
  }

  componentDidMount() {
    const { model } = this.props;
    if (model.chosen || this.state.problem) this.box.open = true;
    model.chosen = undefined;
  }

  // What was tried for this place without an answer that says whether it was done.
  tried({ place }) {
    const { declaring, graph } = this.props.model;
    return declaring?.graph === graph && declaring.wish.place === place ? declaring : undefined;
  }

  change = (name) => (value) => this.setState({ [name]: value, found: null, told: null, problem: null, wrong: {} });

  typed = (name) => (event) => this.change(name)(event.target.value);

  // What is asked for, or what is wrong with it.
  wish() {
    const { place, reason, from, to, stay } = this.state;
    const [begin, end] = [new Date(from).getTime(), new Date(to).getTime()];
    const wrong = {};
    if (!place) wrong.place = t('declare.place.bad');
    if (!(begin <= Date.now())) wrong.from = t('declare.from.bad');
    if (!(end > begin)) wrong.to = t('declare.to.bad');
    const minutes = Number(stay);
    if (!(Number.isInteger(minutes) && minutes >= 0 && minutes <= 24 * 60)) wrong.stay = t('declare.stay.bad');
    this.setState({ wrong });
    return Object.keys(wrong).length === 0 && { place, reason, from: begin, to: end, ...(minutes > 0 && { minTime: minutes * MINUTE }) };
  }

  send = async (wish, dryRun) => {
    const { model, done } = this.props;
    const tried = this.tried(wish);
    const warning = dryRun ? tried?.warning : this.state.found.warning;
    if (!dryRun) model.declaring = { graph: model.graph, warning, wish };
    this.setState({ busy: true, problem: null, told: null });
    try {
      const answer = await model.ask('places/warnings', { body: { ...wish, ...(warning && { warning }), dryRun } });
      if (dryRun) {
        this.setState({ found: { warning: answer.warning, wish, alerted: answer.alerted, again: Boolean(tried) }, busy: false });
        return;
      }
      model.declaring = undefined;
      const told = t('declare.done', { n: people(answer.alerted) });
      model.say(told);
      this.setState({ found: null, told, busy: false, place: '' });
    } catch (problem) {
      if (problem.code === undefined) throw problem;
      // Withdrawn meanwhile: that id is spent.
      if (problem.code === 'conflict' || (!dryRun && !tried && SURE.includes(problem.code))) model.declaring = undefined;
      this.setState({ problem, busy: false, ...(problem.code === 'conflict' && { found: null }) });
    }
    if (!dryRun) await done();
  };

  dryRun = (event) => {
    event.preventDefault();
    const wish = this.wish();
    if (wish) this.send(wish, true);
  };

  declare = () => {
    const { found } = this.state;
    const { model, ask } = this.props;
    ask({
      title: t('declare.sure'),
      text: [
        t('declare.sure.place', { place: model.nameOf(found.wish.place), from: moment(found.wish.from), to: moment(found.wish.to) }),
        t('declare.sure.text', { n: people(found.alerted), reason: t(`reason.${found.wish.reason}`) }),
      ],
      go: t('declare.go'),
      danger: true,
      action: () => this.send(found.wish, false),
    });
  };

  render({ model }, { place, reason, from, to, stay, found, problem, busy, told, wrong = {} }) {
    const now = Date.now();
    const times = { type: 'datetime-local', min: toTimeInput(now - 14 * DAY), max: toTimeInput(now + HOUR), required: true };
    return html`<details class="card" ref=${(box) => (this.box = box)}>
      <summary>${t('declare.title')}</summary>
      <p>${t('declare.lead')}</p>
      <form onSubmit=${this.dryRun} novalidate>
        <${PlaceField} id="declared" model=${model} label=${t('place.id')} note=${t('place.id.note')}
          value=${place} problem=${wrong.place} onInput=${this.change('place')} />
        <label class="field">${t('declare.reason')}
          <select value=${reason} onChange=${this.typed('reason')}>
            ${REASONS.map((word) => html`<option value=${word} selected=${word === reason}>${t(`reason.${word}`)}</option>`)}
          </select>
        </label>
        <div class="pair">
          <${Field} id="from" ...${times} label=${t('declare.from')} value=${from} problem=${wrong.from} onInput=${this.typed('from')} />
          <${Field} id="to" ...${times} label=${t('declare.to')} value=${to} problem=${wrong.to} onInput=${this.typed('to')} />
        </div>
        <${Field} id="stay" inputmode="numeric" label=${t('declare.stay')} note=${t('declare.stay.note')}
          value=${stay} problem=${wrong.stay} onInput=${this.typed('stay')} />
        <button class=${found ? '' : 'main'} disabled=${busy}>${t(busy && !found ? 'declare.counting' : 'declare.dryRun')}</button>
      </form>
      <div role="status">
        ${found && html`<div class="card calm result">
          <p>${t(found.again ? 'declare.would.again' : 'declare.would', { n: people(found.alerted) })}</p>
          <button class="danger" disabled=${busy} onClick=${this.declare}>${t('declare.go')}</button>
        </div>`}
        ${told && html`<p class="card done">${told}</p>`}
      </div>
      <${Problem} problem=${problem} />
    </details>`;
  }
}

// One-time codes, shown once.
class Codes extends Component {
  state = { count: '10', since: '' };

  make = async (event) => {
    event.preventDefault();
    const count = Number(this.state.count);
    if (!(Number.isInteger(count) && count >= 1 && count <= 100)) {
      this.setState({ wrong: true });
      return;
    }
    const { since } = this.state;
    this.setState({ busy: true, problem: null, wrong: false });
    try {
      const made = await this.props.model.ask('codes', { body: { count, ...(since && { since }) } });
      this.setState({ made, busy: false });
    } catch (problem) {
      if (problem.code === undefined) throw problem;
      this.setState({ problem, busy: false });
    }
  };

  render(_, { count, since, made, busy, problem, wrong }) {
    const now = Date.now();
    return html`<details class="card">
      <summary>${t('codes.title')}</summary>
      <p>${t('codes.lead')}</p>
      <form onSubmit=${this.make} novalidate>
        <div class="pair">
          <${Field} id="count" inputmode="numeric" label=${t('codes.count')} value=${count}
            problem=${wrong && t('codes.count.bad')} onInput=${(event) => this.setState({ count: event.target.value })} />
          <${Field} id="since" type="date" label=${t('codes.since')} note=${t('codes.since.note')} value=${since}
            min=${toDateInput(now - 14 * DAY)} max=${toDateInput(now)} onInput=${(event) => this.setState({ since: event.target.value })} />
        </div>
        <button class="main" disabled=${busy}>${t('codes.go')}</button>
      </form>
      <${Problem} problem=${problem} />
      ${made && html`<div class="codes" role="status">
        <p>${t('codes.made', { count: made.codes.length, n: number(made.codes.length), date: utcDate(made.expires) })}</p>
        <ul class="code">${made.codes.map((code) => html`<li>${code}</li>`)}</ul>
        <div class="buttons">
          <button onClick=${() => saveFile('lct-codes.txt', 'text/plain', `${made.codes.join('\n')}\n`)}>${t('codes.save')}</button>
          <button onClick=${() => this.setState({ made: null })}>${t('codes.hide')}</button>
        </div>
      </div>`}
    </details>`;
  }
}
