// The diary: the last 14 days, by day, and changing or deleting one visit.

import { Component, html } from '/common/html.js';
import { Field, View } from '/common/parts.js';
import { day, interval, t } from '/common/text.js';
import { DAY, toTimeInput } from '/common/time.js';
import { waitingAs } from '/sync.js';

const noon = (ms) => new Date(ms).setHours(12, 0, 0, 0);

export function CalendarView({ model }) {
  const visits = model.visits.filter((visit) => !visit.gone).sort((a, b) => b.start - a.start);
  const days = new Map();
  for (const visit of visits) {
    const key = noon(visit.start);
    days.set(key, [...(days.get(key) ?? []), visit]);
  }
  return html`<${View} title=${t('calendar.title')}>
    ${visits.length === 0 && html`<p class="card note">${t('calendar.none')}</p>`}
    ${[...days].map(([key, visits]) => html`<section class="day" key=${key}>
      <h2>${dayName(key)}</h2>
      <ul class="visits card">${visits.map((visit) => html`<${Visit} key=${visit.id} model=${model} visit=${visit} />`)}</ul>
    </section>`)}
  <//>`;
}

function dayName(key) {
  const ago = Math.round((noon(Date.now()) - key) / DAY);
  const name = day(key);
  return ago === 0 ? `${t('calendar.today')}, ${name}` : ago === 1 ? `${t('calendar.yesterday')}, ${name}` : name;
}

function Visit({ model, visit }) {
  const { name, start, end } = visit;
  const times = interval(start, end);
  const state = stateOf(visit);
  return html`<li>
    <div>
      <p class="name"><bdi>${name}</bdi></p>
      <p class="times">${times}</p>
      <p class=${`state ${state}`}>${t(`calendar.${state}`)}</p>
    </div>
    <button aria-label=${t('calendar.edit.label', { name, interval: times })} onClick=${() => model.go('edit', { id: visit.id })}>
      ${t('calendar.edit')}
    </button>
  </li>`;
}

// Whether the server has it as it stands here.
function stateOf(visit) {
  const { there, start, end, problem } = visit;
  if (problem) return 'problem';
  if (there && there.start === start && there.end === end) return 'there';
  return waitingAs(visit, Date.now());
}

export class EditView extends Component {
  visit = this.props.model.visits.find((visit) => visit.id === this.props.model.view.id && !visit.gone);

  state = this.visit ? { start: toTimeInput(this.visit.start), end: toTimeInput(this.visit.end) } : {};

  save = async (event) => {
    event.preventDefault();
    const { model } = this.props;
    const { visit } = this;
    // What was not touched keeps its seconds.
    const read = (text, before) => (text === toTimeInput(before) ? before : new Date(text).getTime());
    const [start, end] = [read(this.state.start, visit.start), read(this.state.end, visit.end)];
    const problem = model.obstacle(visit, start, end);
    if (problem) {
      this.setState({ problem: t(problem) });
      return;
    }
    await model.change(visit, { start, end });
    model.go('calendar');
  };

  remove = () => {
    const { model, ask } = this.props;
    const action = async () => {
      await model.deleteVisit(this.visit);
      model.go('calendar');
    };
    ask({ title: t('edit.delete.title'), text: t('edit.delete.text'), go: t('edit.delete'), danger: true, action });
  };

  render({ model }, { start, end, problem }) {
    const { visit } = this;
    if (!visit) return html`<${CalendarView} model=${model} />`;
    const change = (name) => (event) => this.setState({ [name]: event.target.value, problem: '' });
    return html`<${View} title=${t('edit.title', { name: visit.name })} back=${() => model.go('calendar')}>
      <form class="card" onSubmit=${this.save}>
        <${Field} id="start" type="datetime-local" required label=${t('edit.start')} value=${start} onInput=${change('start')} />
        <${Field} id="end" type="datetime-local" required label=${t('edit.end')} value=${end} onInput=${change('end')} problem=${problem} />
        <div class="buttons">
          <button type="button" class="danger" onClick=${this.remove}>${t('edit.delete')}</button>
          <button class="main">${t('edit.save')}</button>
        </div>
      </form>
    <//>`;
  }
}
