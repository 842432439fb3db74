// The alerts. Once these were before the person's eyes, the gateway hears that they arrived.

import { Component, html } from '/common/html.js';
import { View } from '/common/parts.js';
import { t, utcDate } from '/common/text.js';

export class AlertsView extends Component {
  shown = () => this.props.model.alertsShown();

  componentDidMount() {
    document.addEventListener('visibilitychange', this.shown);
    this.shown();
  }

  componentDidUpdate() {
    this.shown();
  }

  componentWillUnmount() {
    document.removeEventListener('visibilitychange', this.shown);
  }

  render({ model }) {
    return html`<${View} title=${t('alerts.title')}>
      ${model.alerts.length === 0 && html`<p class="card note">${t('alerts.none')}</p>`}
      <${AlertList} alerts=${model.alerts} />
    <//>`;
  }
}

export function AlertList({ alerts }) {
  const sorted = [...alerts].sort((a, b) => b.issued - a.issued || (a.id < b.id ? -1 : 1));
  const active = sorted.filter(({ state }) => state === 'active');
  const withdrawn = sorted.filter(({ state }) => state !== 'active');
  return html`
    ${active.map(({ id, reason, issued }) => html`<article class="card urgent" key=${id}>
      <h2>${t('alerts.exposed')}</h2>
      <p>${t('alerts.why', { reason: t(`reason.${reason}`) })}</p>
      <p class="times">${t('alerts.issued', { date: utcDate(issued) })}</p>
    </article>`)}
    ${active.length > 0 && html`<section class="card">
      <h2>${t('alerts.next')}</h2>
      <ol>${[1, 2, 3].map((n) => html`<li>${t(`alerts.next.${n}`)}</li>`)}</ol>
      <p class="note">${t('alerts.unknown')}</p>
    </section>`}
    ${withdrawn.map(({ id, reason, issued }) => html`<article class="card withdrawn" key=${id}>
      <h2>${t('alerts.withdrawn')}</h2>
      <p>${t('alerts.withdrawn.text', { date: utcDate(issued), reason: t(`reason.${reason}`) })}</p>
    </article>`)}
  `;
}
