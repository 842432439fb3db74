// Who did what here, and what came of it.

import { html } from '/common/html.js';
import { View } from '/common/parts.js';
import { t } from '/common/text.js';
import { moment, people } from '/figures.js';
import { Asking, Busy, Problem } from '/views/parts.js';

const PAGE = 100;

export class AuditView extends Asking {
  componentDidMount() {
    this.load(() => this.page());
  }

  async page(known = []) {
    const before = known.at(-1)?.id;
    const { entries } = await this.props.model.ask('audit', { query: { count: PAGE, ...(before && { before }) } });
    return { entries: [...known, ...entries], more: entries.length === PAGE };
  }

  render(_, { value, problem, busy }) {
    return html`<${View} title=${t('audit.title')}>
      <p>${t('audit.lead')}</p>
      <${Problem} problem=${problem} again=${() => this.load(() => this.page())} />
      ${busy && !value && html`<${Busy} />`}
      ${value?.entries.length === 0 && html`<p class="card note">${t('audit.none')}</p>`}
      ${value?.entries.length > 0 && html`
        <div class="card wide" role="region" tabindex="0" aria-label=${t('audit.table')}>
          <table class="plain">
            <thead><tr>${['at', 'who', 'what', 'about', 'outcome', 'found', 'graph'].map((name) => html`<th scope="col">${t(`audit.${name}`)}</th>`)}</tr></thead>
            <tbody>${value.entries.map((entry) => html`<${Row} key=${entry.id} entry=${entry} />`)}</tbody>
          </table>
        </div>
        ${value.more && html`<button disabled=${busy} onClick=${() => this.load(() => this.page(value.entries))}>${t('older')}</button>`}
      `}
    <//>`;
  }
}

function Row({ entry }) {
  const { at, who, what, about, outcome, found, graph } = entry;
  const word = (key) => (t(key) === key ? key.slice(key.lastIndexOf('.') + 1) : t(key));
  return html`<tr>
    <td>${moment(at)}</td>
    <td><bdi>${who}</bdi></td>
    <td>${word(`audit.what.${what}`)}</td>
    <td class="id"><bdi>${about}</bdi></td>
    <td class=${['begun', 'done'].includes(outcome) ? '' : 'problem'}>${word(`audit.outcome.${outcome}`)}</td>
    <td>${found === undefined || found === null ? '' : people(found)}</td>
    <td>${graph}</td>
  </tr>`;
}
