// What people wrote: read, and marked as read or done. Nobody can be answered, since nobody knows who wrote it.

import { html } from '/common/html.js';
import { View } from '/common/parts.js';
import { t, utcDate } from '/common/text.js';
import { Asking, Busy, Problem } from '/views/parts.js';

const PAGE = 50;
const STATES = ['open', 'read', 'done'];

export class FeedbackView extends Asking {
  state = { only: '' };

  componentDidMount() {
    this.load(() => this.page());
  }

  // The newest, or those before what is shown.
  async page(known = []) {
    const before = known.at(-1)?.id;
    const { entries } = await this.props.model.ask('feedback', { query: { count: PAGE, ...(before && { before }) } });
    return { entries: [...known, ...entries], more: entries.length === PAGE };
  }

  mark = async (entry, status) => {
    this.setState({ failed: null });
    try {
      await this.props.model.ask(`feedback/${encodeURIComponent(entry.id)}/status`, { body: { status } });
      entry.status = status;
      this.props.model.say(t('feedback.marked', { status: t(`feedback.${status}`) }));
      this.setState({});
    } catch (failed) {
      if (failed.code === undefined) throw failed;
      this.setState({ failed });
    }
  };

  render(_, { value, problem, busy, failed, only }) {
    const entries = (value?.entries ?? []).filter(({ status }) => !only || status === only);
    return html`<${View} title=${t('feedback.title')}>
      <p>${t('feedback.lead')}</p>
      <${Problem} problem=${failed} />
      <${Problem} problem=${problem} again=${() => this.load(() => this.page())} />
      ${busy && !value && html`<${Busy} />`}
      ${value && html`
        <label class="field">${t('feedback.only')}
          <select value=${only} onChange=${(event) => this.setState({ only: event.target.value })}>
            <option value="">${t('feedback.all')}</option>
            ${STATES.map((state) => html`<option value=${state} selected=${state === only}>${t(`feedback.${state}`)}</option>`)}
          </select>
        </label>
        ${entries.length === 0 && html`<p class="card note">${t('feedback.none')}</p>`}
        ${entries.map((entry) => html`<${Entry} key=${entry.id} entry=${entry} mark=${this.mark} />`)}
        ${value.more && html`<button disabled=${busy} onClick=${() => this.load(() => this.page(value.entries))}>${t('older')}</button>`}
      `}
    <//>`;
  }
}

function Entry({ entry, mark }) {
  const { day, text, status } = entry;
  const on = utcDate(Date.parse(day));
  return html`<article class=${`card entry ${status}`}>
    <p class="times">${on}</p>
    <p class="text" dir="auto">${text}</p>
    <div class="buttons" role="group" aria-label=${t('feedback.state', { date: on })}>
      ${STATES.map((state) => {
        const now = state === status;
        return html`<button aria-pressed=${String(now)} onClick=${() => !now && mark(entry, state)}>${t(`feedback.${state}`)}</button>`;
      })}
    </div>
  </article>`;
}
