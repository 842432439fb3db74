// An invented diary for a phone in practice, out of a link that scripts/demo prints (docs/pages.md has the format). Loaded when
// such a link is opened and not before. It holds no key: what the person agrees to is logged under this phone's own, as if
// they had checked in there.

import { Component, html } from '/common/html.js';
import { View } from '/common/parts.js';
import { decodePlace } from '/common/place-link.js';
import { t } from '/common/text.js';
import { MINUTE } from '/common/time.js';
import { LONGEST_VISIT } from '/model.js';
import { KEPT } from '/store.js';

// Reads what comes after #, without visits that are too old by now: { warnings, visits: [{ place, start, end }] }, and the view that
// asks; null where it is no diary.
export function readSample(text, now = Date.now()) {
  const [mark, count, ...parts] = text.split('~');
  const minutes = (digits) => Number.parseInt(digits, 36) * MINUTE;
  const visits = parts.flatMap((part) => {
    const [link, ...times] = part.split('.');
    const place = decodePlace(link);
    return times.map((time) => {
      const [start, stay] = time.split(',').map(minutes);
      return { place, start, end: start + stay };
    });
  });
  const warnings = Number(count);
  const right = ({ place, start, end }) => place && start <= now && start < end && end <= start + LONGEST_VISIT;
  if (mark !== 'sample' || !(warnings > 0) || !visits.every(right)) return null;
  const kept = visits.filter(({ end }) => end > now - KEPT);
  return kept.length > 0 ? { warnings, visits: kept, View: Sample } : null;
}

// Asks before it fills this phone's diary.
class Sample extends Component {
  fill = async () => {
    this.setState({ busy: true });
    const { model } = this.props;
    const { warnings, visits } = model.sample;
    for (const { place, start, end } of visits) {
      // Opened twice, or for a town that was made anew: the same visits, logged again.
      const known = model.visits.find((visit) => visit.placeId === place.placeId && visit.start === start);
      await model.note(place, start, end, known?.id);
    }
    await model.set('situation', { warnings });
    model.go('calendar');
    model.sync();
  };

  render({ model }, { busy = false }) {
    return html`<${View} title=${t('sample.title')} back=${() => model.go('here')}>
      <p>${t('sample.text', { count: model.sample.visits.length })}</p>
      ${model.visits.length > 0 && html`<p class="note">${t('sample.beside')}</p>`}
      <button class="main" disabled=${busy} onClick=${this.fill}>${t('sample.go')}</button>
    <//>`;
  }
}
