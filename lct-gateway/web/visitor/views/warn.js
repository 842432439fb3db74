// Warning others, and taking that back.

import { Component, html } from '/common/html.js';
import { Field, View } from '/common/parts.js';
import { date, t } from '/common/text.js';
import { DAY, toDateInput } from '/common/time.js';
import { KEPT } from '/store.js';
import { waitingAs } from '/sync.js';

const REASONS = ['positive', 'contact', 'symptoms', 'alerted'];
const DATED = ['positive', 'symptoms'];

export class WarnView extends Component {
  state = { reason: '', since: '', code: '' };

  submit = (event) => {
    event.preventDefault();
    const { reason, code } = this.state;
    if (!reason) {
      this.setState({ problem: 'reason' });
      return;
    }
    const since = DATED.includes(reason) ? new Date(`${this.state.since}T00:00`).getTime() : undefined;
    const now = Date.now();
    if (since !== undefined && !(since > now - KEPT - DAY && since <= now)) {
      this.setState({ problem: 'since' });
      return;
    }
    const { model, ask } = this.props;
    const action = async () => {
      await model.warn(reason, since, this.needsCode ? code : undefined);
      this.setState({ reason: '', since: '', code: '' });
    };
    const text = t('warn.confirm.text', { reason: t(`reason.${reason}`) });
    ask({ title: t('warn.confirm'), text, go: t('warn.confirm.go'), danger: true, action });
  };

  get needsCode() {
    const { model } = this.props;
    return this.state.reason === 'positive' && !model.practice && model.codesRequired;
  }

  render({ model, ask }, { reason, since, code, problem }) {
    const now = Date.now();
    return html`<${View} title=${t('warn.title')}>
      <p>${t('warn.lead')}</p>
      <form class="card" onSubmit=${this.submit}>
        <fieldset>
          <legend>${t('warn.reason')}</legend>
          ${REASONS.map((word) => html`<label class="choice">
            <input type="radio" name="reason" value=${word} checked=${reason === word} onChange=${() => this.setState({ reason: word, problem: '' })} />
            <span>${t(`reason.${word}`)}</span>
          </label>`)}
          ${problem === 'reason' && html`<p class="problem" role="alert">${t('warn.choose')}</p>`}
        </fieldset>
        ${DATED.includes(reason) && html`<${Field} id="since" type="date" label=${t(`warn.since.${reason}`)} note=${t('warn.since.note')}
          min=${toDateInput(now - KEPT)} max=${toDateInput(now)} value=${since} problem=${problem === 'since' && t('warn.since.bad')}
          onInput=${(event) => this.setState({ since: event.target.value, problem: '' })} />`}
        ${this.needsCode && html`<${Field} id="code" label=${t('warn.code')} note=${t('warn.code.note')} value=${code} required
          autocomplete="one-time-code" autocapitalize="characters" spellcheck="false"
          onInput=${(event) => this.setState({ code: event.target.value })} />`}
        ${reason && html`<${Told} reason=${reason} />`}
        <button class="main">${t('warn.go')}</button>
      </form>
      <${Mine} model=${model} ask=${ask} />
    <//>`;
  }
}

function Told({ reason }) {
  const list = (key, values) => html`<h2>${t(key)}</h2>
    <ul>${[1, 2, 3].map((n) => html`<li>${t(`${key}.${n}`, values)}</li>`)}</ul>`;
  return html`<div class="told">
    <div>${list('warn.told', { reason: t(`reason.${reason}`) })}</div>
    <div>${list('warn.untold')}</div>
  </div>
  <p class="note">${t('warn.alone')}</p>`;
}

function Mine({ model, ask }) {
  const warnings = [...model.warnings].sort((a, b) => b.issued - a.issued);
  if (warnings.length === 0) return null;
  const retract = (warning) => ask({
    title: t('warn.retract.title'),
    text: t('warn.retract.text'),
    go: t('warn.retract'),
    action: () => model.retract(warning),
  });
  return html`<section>
    <h2>${t('warn.mine')}</h2>
    <ul class="visits card">${warnings.map((warning) => html`<li key=${warning.id}>
      <div>
        <p class="name">${t(`reason.${warning.reason}`)}</p>
        <p class="times">${date(warning.issued)}</p>
        <p class=${`state ${stateOf(warning)}`}>${t(`warn.state.${stateOf(warning)}`)}</p>
      </div>
      ${!warning.retracted && html`<button aria-label=${t('warn.retract.label', { date: date(warning.issued) })} onClick=${() => retract(warning)}>
        ${t('warn.retract')}
      </button>`}
    </li>`)}</ul>
  </section>`;
}

function stateOf(warning) {
  const { problem, retracted, done, there } = warning;
  if (problem) return problem === 'bad_code' ? problem : 'problem';
  if (retracted) return done ? 'retracted' : 'retracting';
  if (there) return 'sent';
  return waitingAs(warning, Date.now());
}
