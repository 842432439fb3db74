// Transmission opportunities: how much people were together, by hour and by place, as LCT.DENSITY answers it: whole hours
// that are over, nothing of cells with few people, everything rounded. The page adds up what it is told and no more.

import { Refused } from '/api.js';
import { Chart } from '/chart.js';
import { html } from '/common/html.js';
import { View } from '/common/parts.js';
import { number, t, time } from '/common/text.js';
import { DAY, HOUR, SECOND } from '/common/time.js';
import { hourOf, shortDay } from '/figures.js';
import { Asking, Busy, PlaceField, Problem } from '/views/parts.js';

const DAYS = 14;
const WEEK = 7;
const SHOWN = 25;
const SHADES = 5;
// A question that Redis did not answer for so long asked for too much, rather than that Redis is away.
const LONG = 15 * SECOND;

const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
// Days as the calendar has them: one may have 23 hours.
const daysAfter = (ms, days) => new Date(ms).setDate(new Date(ms).getDate() + days);

export class OpportunitiesView extends Asking {
  state = { day: 1, week: false, place: '', figure: 'minutes', all: false };

  componentDidMount() {
    this.choose({});
  }

  // The period: one day, `day` days ago, or the week that ends with it.
  choose(choice) {
    const chosen = { ...this.state, ...choice };
    this.setState({ ...choice, all: false });
    const day = daysAfter(midnight(Date.now()), -chosen.day);
    const period = { from: chosen.week ? daysAfter(day, 1 - WEEK) : day, to: daysAfter(day, 1), week: chosen.week };
    const place = chosen.place && { place: chosen.place };
    this.place = chosen.place;
    this.load(async (signal) => {
      const asked = Date.now();
      try {
        return { period, ...(await this.props.model.ask('density', { query: { from: period.from, to: period.to, ...place }, signal })) };
      } catch (problem) {
        if (problem.code === 'unavailable' && Date.now() - asked > LONG) throw new Refused(problem.status, 'slow');
        throw problem;
      }
    });
  }

  // Asks when a place was chosen or typed, not while it is typed.
  choosePlace = (place) => {
    if (place !== this.place) this.choose({ place });
  };

  entered = (event) => {
    event.preventDefault();
    this.choosePlace(this.state.place);
  };

  render({ model }, { day, week, place, figure, all, value, problem, busy }) {
    const today = midnight(Date.now());
    const { k } = model.me;
    return html`<${View} title=${t('opp.title')}>
      <p>${t('opp.lead')}</p>
      <form class="card choices" onSubmit=${this.entered}>
        <label class="field">${t('opp.day')}
          <select value=${day} onChange=${(event) => this.choose({ day: Number(event.target.value) })}>
            ${Array.from({ length: DAYS }, (_, ago) => html`<option value=${ago} selected=${ago === day}>
              ${shortDay(daysAfter(today, -ago))}${ago === 0 && ` (${t('opp.today')})`}
            </option>`)}
          </select>
        </label>
        <label class="field">${t('opp.period')}
          <select value=${week ? 'week' : 'day'} onChange=${(event) => this.choose({ week: event.target.value === 'week' })}>
            <option value="day" selected=${!week}>${t('opp.period.day')}</option>
            <option value="week" selected=${week}>${t('opp.period.week')}</option>
          </select>
        </label>
        <label class="field">${t('opp.figure')}
          <select value=${figure} onChange=${(event) => this.setState({ figure: event.target.value })}>
            ${['minutes', 'peak'].map((name) => html`<option value=${name} selected=${name === figure}>${t(`opp.${name}`)}</option>`)}
          </select>
        </label>
        <details>
          <summary>${t('opp.one')}</summary>
          <${PlaceField} id="place" model=${model} label=${t('place.id')} value=${place}
            onInput=${(place) => this.setState({ place })} onChange=${this.choosePlace} />
        </details>
      </form>
      <${Problem} problem=${problem} again=${() => this.choose({})} />
      ${busy && !value && html`<${Busy} />`}
      ${value && !problem && html`<${Answer} model=${model} answer=${value} figure=${figure} all=${all} more=${() => this.setState({ all: true })} />`}
      <section class="card">
        <h2>${t('opp.means')}</h2>
        <ul>${[1, 2, 3, 4].map((n) => html`<li>${t(`opp.means.${n}`, { k, step: 60 * k, half: 30 * k })}</li>`)}</ul>
      </section>
    <//>`;
  }
}

function Answer({ model, answer, figure, all, more }) {
  const { rows, period } = answer;
  if (rows.length === 0) return html`<p class="card note" role="status">${t('opp.none', { k: model.me.k })}</p>`;
  const columns = told(columnsOf(period), rows);
  const add = figure === 'minutes' ? (a, b) => a + b : Math.max;
  const table = new Map();
  for (const [place, hour, minutes, peak] of rows) {
    const cells = table.get(place) ?? new Map();
    const column = columns.findLast(({ from }) => from <= hour)?.from;
    const found = figure === 'minutes' ? minutes : peak;
    cells.set(column, cells.has(column) ? add(cells.get(column), found) : found);
    table.set(place, cells);
  }
  const total = (cells) => [...cells.values()].reduce((a, b) => add(a, b));
  const lines = [...table].sort(([a, x], [b, y]) => total(y) - total(x) || (a < b ? -1 : 1));
  const most = lines.reduce((most, [, cells]) => Math.max(most, ...cells.values()), 1);
  const shown = all ? lines : lines.slice(0, SHOWN);
  return html`
    <${Hours} rows=${rows} period=${period} figure=${figure} />
    <div class="card wide" role="region" tabindex="0" aria-label=${t('opp.table')}>
      <table class="heat">
        <caption>${t(`opp.table.${figure}`)}</caption>
        <thead><tr><th scope="col">${t('opp.place')}</th>${columns.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${shown.map(([place, cells]) => html`<tr key=${place}>
          <th scope="row"><bdi>${model.nameOf(place)}</bdi></th>
          ${columns.map(({ from }) => html`<${Cell} found=${cells.get(from)} most=${most} />`)}
        </tr>`)}</tbody>
      </table>
    </div>
    ${shown.length < lines.length && html`<button onClick=${more}>${t('opp.more', { count: lines.length - shown.length })}</button>`}
  `;
}

function Cell({ found, most }) {
  if (found === undefined) return html`<td class="empty"><span class="hidden">${t('opp.empty')}</span></td>`;
  return html`<td class=${`shade${Math.ceil((SHADES * found) / most)}`}>${number(found)}</td>`;
}

// The columns of the table: the hours of a day, or the days of a week.
function columnsOf({ from, to, week }) {
  const columns = [];
  if (week) for (let at = from; at < to; at = daysAfter(at, 1)) columns.push({ from: at, name: shortDay(at) });
  else for (let at = Math.floor(from / HOUR) * HOUR; at < to; at += HOUR) columns.push({ from: at, name: hourOf(at) });
  return columns;
}

// Those between the first and the last of which anything is told.
function told(columns, rows) {
  let [first, last] = [Infinity, 0];
  for (const [, hour] of rows) [first, last] = [Math.min(first, hour), Math.max(last, hour)];
  const at = (hour) => columns.findLastIndex(({ from }) => from <= hour);
  return columns.slice(at(first), at(last) + 1);
}

// All places together, hour by hour.
function Hours({ rows, period, figure }) {
  const hours = [];
  for (let at = Math.ceil(period.from / HOUR) * HOUR; at + HOUR <= Math.min(period.to, Date.now()); at += HOUR) hours.push(at);
  const sums = new Map();
  for (const [, hour, minutes, peak] of rows) {
    const [found, before] = [figure === 'minutes' ? minutes : peak, sums.get(hour) ?? 0];
    sums.set(hour, figure === 'minutes' ? before + found : Math.max(before, found));
  }
  const values = hours.map((hour) => sums.get(hour) ?? null);
  const series = [{ label: t(`opp.${figure}`), values, tone: 'accent' }];
  const when = period.to - period.from > DAY + HOUR ? shortDay : time;
  return html`<${Chart} key=${`${period.from} ${period.to} ${figure}`} title=${t(`opp.chart.${figure}`)} times=${hours} series=${series} bars
    show=${number} when=${when} />`;
}
