// Pieces that several views are made of.

import { Component, html } from '/common/html.js';
import { t } from '/common/text.js';

// A view that shows what it asked for: `value`, or the `problem` with it, or `busy` meanwhile.
export class Asking extends Component {
  // Asks, by a function that promises the value, which is given, too. What was asked before is not waited for any more: its
  // signal says so, and its answer is passed over.
  async load(question) {
    this.turn?.abort();
    const turn = (this.turn = new AbortController());
    this.setState({ busy: true });
    try {
      const value = await question(turn.signal);
      if (turn.signal.aborted) return undefined;
      this.setState({ value, problem: null, busy: false });
      return value;
    } catch (problem) {
      if (problem.code === undefined) throw problem;
      if (!turn.signal.aborted) this.setState({ problem, busy: false });
      return undefined;
    }
  }

  componentWillUnmount() {
    this.turn?.abort();
  }
}

const KNOWN = ['down', 'slow', 'unknown', 'unavailable', 'not_allowed', 'rate_limited', 'not_found', 'conflict', 'bad_value', 'internal'];

// What went wrong, what to do about it, and the gateway's own line.
export function Problem({ problem, again }) {
  if (!problem) return null;
  const code = KNOWN.includes(problem.code) ? problem.code : problem.status === 409 ? 'conflict' : 'internal';
  return html`<div class="card urgent" role="alert">
    <p><strong>${t(`problem.${code}`)}</strong> ${t(`problem.${code}.do`)}</p>
    ${problem.message && html`<p class="note" lang="en"><bdi>${problem.message}</bdi></p>`}
    ${again && html`<button onClick=${again}>${t('again')}</button>`}
  </div>`;
}

export const Busy = () => html`<p class="note" role="status">${t('loading')}</p>`;

// Which place: one of those known by name, or an id. `onInput` hears what is typed, `onChange` (if given) what was chosen.
export class PlaceField extends Component {
  render({ id, model, label, note, value, problem, onInput, onChange, required }) {
    const known = [...model.places.values()].sort((a, b) => a.name.localeCompare(b.name));
    const described = [note && `${id}-note`, problem && `${id}-problem`].filter(Boolean).join(' ') || undefined;
    return html`<div class="field">
      ${known.length > 0 && html`<label for=${`${id}-known`}>${t('place.known')}</label>
      <select id=${`${id}-known`} value=${model.places.has(value) ? value : ''} onChange=${(event) => (onChange ?? onInput)(event.target.value)}>
        <option value="" selected=${!model.places.has(value)}>${t('place.byId')}</option>
        ${known.map(({ placeId, name }) => html`<option value=${placeId} selected=${placeId === value}>${name}</option>`)}
      </select>`}
      <label for=${id}>${label}</label>
      <input id=${id} value=${value} autocomplete="off" spellcheck="false" required=${required} aria-describedby=${described}
        aria-invalid=${problem ? 'true' : undefined} onInput=${(event) => onInput(event.target.value.trim())}
        onChange=${onChange && ((event) => onChange(event.target.value.trim()))} />
      ${note && html`<p class="note" id=${`${id}-note`}>${note}</p>`}
      ${problem && html`<p class="problem" role="alert" id=${`${id}-problem`}>${problem}</p>`}
    </div>`;
  }
}
