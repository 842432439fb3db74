// Checking in: where the person is now, the places they know, a new gathering.

import { Component, html } from '/common/html.js';
import { encodePlace, isName } from '/common/place-link.js';
import { Qr } from '/common/qr.js';
import { Field, Stay, View } from '/common/parts.js';
import { duration, interval, t } from '/common/text.js';

const LONGER = 30;
const SHOWN = 6;

export class HereView extends Component {
  render({ model, ask }) {
    const { running, news, view } = model;
    return html`<${View} title=${t('here.title')}>
      ${view.problem === 'link' && html`<p class="problem card" role="alert">${t('here.badLink')}</p>`}
      ${news.length > 0 && html`<section class="card urgent">
        <p>${t('here.alert', { count: news.length })}</p>
        <button class="main" onClick=${() => model.go('alerts')}>${t('here.alert.go', { count: news.length })}</button>
      </section>`}
      ${running && html`<${Running} model=${model} visit=${running} />`}
      <${Recent} model=${model} ask=${ask} />
      <section class="card">
        <h2>${t('here.scan')}</h2>
        ${model.canScan
          ? html`<button class="main" onClick=${() => model.go('scan')}>${t('scan.title')}</button>`
          : html`<p>${t('here.scan.text')}</p>`}
        <${Paste} model=${model} />
      </section>
      <${Gathering} model=${model} />
      <${Situation} model=${model} />
    <//>`;
  }
}

function Running({ model, visit }) {
  const place = model.places.find((place) => place.place_id === visit.placeId);
  const link = place && shareLink(place, model);
  return html`<section class="card running">
    <h2>${t('here.running')}</h2>
    <p class="name"><bdi>${visit.name}</bdi></p>
    <p class="times">${interval(visit.start, visit.end)}</p>
    <div class="buttons">
      <button class="main" onClick=${() => model.checkOut(visit)}>${t('here.out')}</button>
      <button onClick=${() => model.lengthen(visit, LONGER)}>${t('here.longer', { duration: duration(LONGER) })}</button>
    </div>
    ${link && html`<details>
      <summary>${t('here.share')}</summary>
      <p>${t('here.share.text')}</p>
      <${Qr} text=${link} label=${t('here.share.label', { name: place.name })} />
      <p class="note link">${link}</p>
    </details>`}
  </section>`;
}

// A link to a place that came from a QR code; others (a map's ids) have none.
function shareLink({ place_id: placeId, name, stay }, { practice }) {
  try {
    return `${location.origin}/c${practice ? '?practice' : ''}#${encodePlace({ placeId, name, stay, gathering: true })}`;
  } catch {
    return null;
  }
}

function Recent({ model, ask }) {
  // The latest visit first; places without one, whose visits are gone, last.
  const latest = (place) => Math.max(0, ...model.visits.filter((visit) => visit.placeId === place.place_id).map(({ start }) => start));
  const places = [...model.places].sort((a, b) => latest(b) - latest(a) || a.name.localeCompare(b.name));
  if (places.length === 0) return null;
  const forget = (place) => ask({
    title: t('here.forget.title'),
    text: t('here.forget.text', { name: place.name }),
    go: t('here.forget.go'),
    danger: true,
    action: () => model.deletePlace(place),
  });
  const list = (places) => html`<ul class="places">${places.map((place) => html`<li key=${place.place_id}>
    <button class="place" onClick=${() => model.go('place', { place: { placeId: place.place_id, name: place.name, stay: place.stay } })}>
      <bdi>${place.name}</bdi>
    </button>
    <button class="remove" aria-label=${t('here.forget', { name: place.name })} onClick=${() => forget(place)}>×</button>
  </li>`)}</ul>`;
  return html`<section class="card">
    <h2>${t('here.recent')}</h2>
    ${list(places.slice(0, SHOWN))}
    ${places.length > SHOWN && html`<details>
      <summary>${t('here.recent.more', { count: places.length - SHOWN })}</summary>
      ${list(places.slice(SHOWN))}
    </details>`}
  </section>`;
}

// For a link that came another way: an installed page and the browser keep their data apart, on some systems.
export class Paste extends Component {
  open = (event) => {
    event.preventDefault();
    if (!this.props.model.openLink(this.state.link)) this.setState({ problem: t('here.badLink') });
  };

  render({ open }, { link = '', problem }) {
    return html`<details open=${open}>
      <summary>${t('here.paste')}</summary>
      <form onSubmit=${this.open}>
        <${Field} id="link" label=${t('here.paste.label')} value=${link} autocomplete="off" problem=${problem}
          onInput=${(event) => this.setState({ link: event.target.value, problem: '' })} />
        <button>${t('here.paste.go')}</button>
      </form>
    </details>`;
  }
}

class Gathering extends Component {
  state = { name: '', stay: 120 };

  start = (event) => {
    event.preventDefault();
    const name = this.state.name.trim();
    if (!isName(name)) {
      this.setState({ problem: t('here.gathering.bad') });
      return;
    }
    this.props.model.gathering(name, this.state.stay);
    this.setState({ name: '' });
  };

  render({ model }, { name, stay, problem }) {
    return html`<section class="card">
      <h2>${t('here.gathering')}</h2>
      <p>${t('here.gathering.text')}</p>
      <form onSubmit=${this.start}>
        <${Field} id="gathering" label=${t('here.gathering.name')} value=${name} maxlength="100" autocomplete="off" problem=${problem}
          onInput=${(event) => this.setState({ name: event.target.value, problem: '' })} />
        <${Stay} value=${stay} onChange=${(stay) => this.setState({ stay })} />
        ${model.running && html`<p class="note"><bdi>${t('place.ends', { name: model.running.name })}</bdi></p>`}
        <button>${t('place.go')}</button>
      </form>
    </section>`;
  }
}

// How the community fares: closed days, rounded by the gateway.
function Situation({ model }) {
  const { situation } = model;
  if (!situation) return null;
  const { warnings, fewerThan } = situation;
  return html`<section class="card">
    <h2>${t('here.situation')}</h2>
    <p>${warnings === undefined ? t('here.situation.few', { k: fewerThan }) : t('here.situation.count', { count: warnings })}</p>
  </section>`;
}

// What a link's signature says; undefined where nobody signs, or nobody knows yet.
const LINKS = new Map([[undefined, 'place.link'], [true, 'place.signed'], [false, 'place.unsigned']]);

// One place, about to be checked in at.
export class PlaceView extends Component {
  render({ model }, { stay }) {
    const { place, link, signed } = model.view;
    const minutes = stay ?? place.stay ?? 60;
    const go = () => model.checkIn(place, minutes);
    return html`<${View} title=${t('place.title', { name: place.name })} back=${() => model.go('here')}>
      ${link && html`<p class=${signed === false ? 'card problem' : 'note'} role="status">${t(LINKS.get(signed))}</p>`}
      <${Stay} value=${minutes} onChange=${(stay) => this.setState({ stay })} />
      ${model.running && html`<p class="note"><bdi>${t('place.ends', { name: model.running.name })}</bdi></p>`}
      <button class="main" onClick=${go}>${t('place.go')}</button>
    <//>`;
  }
}
