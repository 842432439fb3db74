// The frame: which view is shown, the line's state, the tabs, and what is said to screen readers.

import { html } from '/common/html.js';
import { AlertsView } from '/views/alerts.js';
import { CalendarView, EditView } from '/views/calendar.js';
import { GuestView } from '/views/guest.js';
import { HereView, PlaceView } from '/views/here.js';
import { MoreView } from '/views/more.js';
import { Failed, Frame, Icon } from '/common/parts.js';
import { Elsewhere, Erasing, Gone, Revoked, Start, KeyCode, Unsupported } from '/views/phases.js';
import { ScanView } from '/views/scan.js';
import { WarnView } from '/views/warn.js';
import { t } from '/common/text.js';

const PHASES = {
  unsupported: Unsupported,
  elsewhere: Elsewhere,
  failed: Failed,
  start: Start,
  code: KeyCode,
  erasing: Erasing,
  gone: Gone,
  revoked: Revoked,
};

const VIEWS = {
  here: HereView,
  place: PlaceView,
  scan: ScanView,
  calendar: CalendarView,
  edit: EditView,
  alerts: AlertsView,
  warn: WarnView,
  more: MoreView,
  guest: GuestView,
};

const TABS = ['here', 'calendar', 'alerts', 'warn', 'more'];
const TAB_OF = { place: 'here', sample: 'here', scan: 'here', edit: 'calendar', guest: 'more' };

export class App extends Frame {
  render({ model }) {
    if (model.phase === 'loading') return html`<main class="alone"><h1>LCT</h1><p>${t('loading')}</p></main>`;
    const guest = model.view.name === 'guest';
    const Phase = guest && model.phase === 'start' ? GuestView : PHASES[model.phase];
    return html`
      ${model.practice && html`<header class="practice">${t('practice')}</header>`}
      ${Phase ? html`<main class="alone"><${Phase} model=${model} ask=${this.ask} /></main>` : this.ready(model)}
      <p class="hidden said" role="status" aria-live="polite">${model.said && t(model.said.text, model.said.values)}</p>
      ${this.asked()}
    `;
  }

  ready(model) {
    const { name } = model.view;
    const View = VIEWS[name] ?? model.sample?.View ?? HereView;
    return html`
      <div class="frame">
        <nav aria-label=${t('nav.label')}>
          ${TABS.map((tab) => html`<${Tab} model=${model} tab=${tab} now=${(TAB_OF[name] ?? name) === tab} />`)}
        </nav>
        <main>
          <${Line} line=${model.line} />
          <${View} key=${JSON.stringify([name, model.view.id])} model=${model} ask=${this.ask} />
        </main>
      </div>
    `;
  }
}

function Tab({ model, tab, now }) {
  const count = tab === 'alerts' ? model.news.length : 0;
  return html`<button class=${`tab ${tab}`} aria-current=${now ? 'page' : undefined} onClick=${() => model.go(tab)}>
    <${Icon} path=${ICONS[tab]} /><span>${t(`nav.${tab}`)}</span>
    ${count > 0 && html`<b>${count}<span class="hidden"> ${t('nav.new', { count })}</span></b>`}
  </button>`;
}

// Says how the line is; nothing while all is well and for the first moment.
function Line({ line }) {
  return html`<p class=${`line ${line}`} role="status">${['online', 'closed'].includes(line) ? '' : t(`line.${line}`)}</p>`;
}

const ICONS = {
  here: 'M12 21s-7-6.1-7-11a7 7 0 0 1 14 0c0 4.9-7 11-7 11zM12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  calendar: 'M5 6h14v14H5zM5 10h14M9 3.5V7M15 3.5V7',
  alerts: 'M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4',
  warn: 'M4 10v4h3l6 4V6L7 10zM16.5 9a4 4 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11',
  more: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0',
};
