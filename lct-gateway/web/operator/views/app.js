// The frame: the tabs, who is on duty and in which graph, and what comes before that.

import { html } from '/common/html.js';
import { Failed, Frame, Icon, Languages } from '/common/parts.js';
import { t } from '/common/text.js';
import { VIEWS } from '/model.js';
import { AuditView } from '/views/audit.js';
import { FeedbackView } from '/views/feedback.js';
import { NowView } from '/views/now.js';
import { OpportunitiesView } from '/views/opportunities.js';
import { PlacesView } from '/views/places.js';
import { Closed, Down, Token } from '/views/sign-in.js';
import { WarningsView } from '/views/warnings.js';

const OF = {
  now: NowView,
  opportunities: OpportunitiesView,
  warnings: WarningsView,
  places: PlacesView,
  feedback: FeedbackView,
  audit: AuditView,
};

const PHASES = { token: Token, closed: Closed, down: Down, failed: Failed };

export class App extends Frame {
  render({ model }) {
    if (model.phase === 'loading') return html`<main class="alone"><h1>LCT</h1><p>${t('loading')}</p></main>`;
    const Phase = PHASES[model.phase];
    return html`
      ${Phase ? html`<main class="alone"><${Phase} model=${model} /><${Languages} model=${model} /></main>` : this.ready(model)}
      <p class="hidden said" role="status" aria-live="polite">${model.said}</p>
      ${this.asked()}
    `;
  }

  ready(model) {
    const Shown = OF[model.view];
    const practice = model.graph !== model.me.graph;
    return html`
      ${practice && html`<header class="practice">${t('practice', { graph: model.graph })}</header>`}
      <div class="frame">
        <div class="side">
          <nav aria-label=${t('nav.label')}>
            ${VIEWS.map((view) => html`<a class="tab" href=${`#${view}`} aria-current=${model.view === view ? 'page' : undefined}>
              <${Icon} path=${ICONS[view]} /><span>${t(`nav.${view}`)}</span>
            </a>`)}
          </nav>
          <${Duty} model=${model} />
        </div>
        <main><${Shown} key=${`${model.view} ${model.graph}`} model=${model} ask=${this.ask} /></main>
      </div>
    `;
  }
}

// Who is on duty, and which graph they look at.
function Duty({ model }) {
  return html`<section class="duty" aria-label=${t('duty')}>
    <p>${t('duty.name')} <strong><bdi>${model.me.name}</bdi></strong></p>
    <label class="field">${t('duty.graph')}
      <select value=${model.graph} onChange=${(event) => model.keep('graph', event.target.value)}>
        ${model.me.graphs.map((graph) => html`<option value=${graph} selected=${graph === model.graph}>${graph}</option>`)}
      </select>
    </label>
    <${Languages} model=${model} />
    <button class="quiet" onClick=${() => model.signOut()}>${t('duty.leave')}</button>
  </section>`;
}

const ICONS = {
  now: 'M3.5 13h4l2.5-7 4 12 2.5-5h4',
  opportunities: 'M8.5 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19a5.5 5.5 0 0 1 11 0M15.5 5.3a3 3 0 0 1 0 5.4M17 14a5.5 5.5 0 0 1 4 5',
  warnings: 'M4 10v4h3l6 4V6L7 10zM16.5 9a4 4 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11',
  places: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2.5v2.5H14zM17.5 17.5H20V20h-2.5z',
  feedback: 'M4 5h16v11H11l-4.5 4v-4H4z',
  audit: 'M6 3.5h9l3 3v14H6zM9 9h6M9 12.5h6M9 16h4',
};
