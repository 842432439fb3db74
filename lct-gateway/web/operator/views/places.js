// Places: posters made and printed here, and the list that says which id is which place.

import { Component, createRef, html } from '/common/html.js';
import { Field, Missing, Stay, View, saveFile } from '/common/parts.js';
import { isName } from '/common/place-link.js';
import { NotLoaded, duration, t } from '/common/text.js';
import { Poster, makePlace, readKey } from '/poster.js';

const MOST_ROOMS = 50;

export class PlacesView extends Component {
  state = { visitors: this.props.model.visitors, name: '', rooms: '', stay: 60, wrong: {} };

  // The names of the posters to make: the place, or each of its rooms.
  names() {
    const name = this.state.name.trim();
    const rooms = this.state.rooms.split('\n').map((room) => room.trim()).filter(Boolean);
    return rooms.length > 0 ? rooms.map((room) => `${name}, ${room}`) : [name];
  }

  submit = (event) => {
    event.preventDefault();
    this.make();
  };

  make = async () => {
    const { model } = this.props;
    const visitors = originOf(this.state.visitors);
    const names = this.names();
    const wrong = {};
    if (!visitors) wrong.visitors = t('places.visitors.bad');
    if (!isName(this.state.name.trim())) wrong.name = t('places.name.bad');
    else if (names.length > MOST_ROOMS || !names.every(isName)) wrong.rooms = t('places.rooms.bad', { most: MOST_ROOMS });
    this.setState({ wrong, missing: false });
    if (Object.keys(wrong).length > 0) return;
    model.keep('visitors', visitors);
    const { stay, key } = this.state;
    const practice = model.graph !== model.me.graph;
    const made = [];
    try {
      for (const name of names) made.push(await makePlace({ visitors, name, stay, key, practice }));
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      this.setState({ missing: true });
      return;
    }
    this.setState({ made, visitors });
    model.addPlaces(made.map(({ link }) => link).join('\n'));
    model.say(t('places.made', { count: made.length }));
  };

  sign = async (event) => {
    const [file] = event.target.files;
    this.setState({ key: null, keyName: '', wrong: {} });
    if (!file) return;
    try {
      this.setState({ key: await readKey(await file.text()), keyName: file.name });
    } catch {
      event.target.value = '';
      this.setState({ wrong: { key: t('places.key.bad') } });
    }
  };

  open = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const count = this.props.model.addPlaces(await file.text());
    event.target.value = '';
    this.setState({ opened: count });
  };

  render({ model }, { visitors, name, rooms, stay, wrong, made, keyName, opened, missing }) {
    const change = (field) => (event) => this.setState({ [field]: event.target.value, wrong: {} });
    return html`<${View} title=${t('places.title')}>
      <p class="screen">${t('places.lead')}</p>
      <form class="card screen" onSubmit=${this.submit} novalidate>
        <h2>${t('places.new')}</h2>
        <${Field} id="visitors" type="url" label=${t('places.visitors')} note=${t('places.visitors.note')}
          placeholder="https://lct.example.org" value=${visitors} problem=${wrong.visitors} onInput=${change('visitors')} />
        <${Field} id="name" label=${t('places.name')} note=${t('places.name.note')}
          maxlength="100" autocomplete="off" value=${name} problem=${wrong.name} onInput=${change('name')} />
        <${Field} id="rooms" area rows="3" label=${t('places.rooms')} note=${t('places.rooms.note')}
          value=${rooms} problem=${wrong.rooms} onInput=${change('rooms')} />
        <${Stay} value=${stay} onChange=${(stay) => this.setState({ stay })} />
        <details>
          <summary>${t('places.sign')}</summary>
          ${isSecureContext
            ? html`<${Field} id="key" type="file" accept=".pem" label=${t('places.key')} note=${t('places.key.note')} problem=${wrong.key}
              onChange=${this.sign} />`
            : html`<p class="note">${t('places.sign.insecure')}</p>`}
          ${keyName && html`<p class="note" role="status">${t('places.key.open', { name: keyName })}</p>`}
        </details>
        <button class="main">${t('places.go')}</button>
        ${missing && html`<${Missing} again=${this.make} />`}
      </form>
      ${made && html`<${Made} model=${model} made=${made} />`}
      <section class="card screen">
        <h2>${t('places.list')}</h2>
        <p>${t('places.list.text')}</p>
        <${Field} id="list" type="file" accept=".txt" label=${t('places.list.open')} onChange=${this.open} />
        ${opened !== undefined && html`<p class="note" role="status">${t('places.list.opened', { count: opened })}</p>`}
        ${model.unkept && html`<p class="problem" role="alert">${t('places.unkept')}</p>`}
        <${Known} model=${model} />
      </section>
    <//>`;
  }
}

// The origin of what was typed, where phones can open it; '' otherwise.
function originOf(text) {
  try {
    const { origin, protocol, hostname } = new URL(text.trim());
    const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
    return protocol === 'https:' || (protocol === 'http:' && local) ? origin : '';
  } catch {
    return '';
  }
}

function Made({ model, made }) {
  return html`<section class="made">
    <div class="screen">
      <h2>${t('places.made', { count: made.length })}</h2>
      <p>${t('places.print.text')}</p>
      <div class="buttons">
        <button class="main" onClick=${() => print()}>${t('places.print')}</button>
        <button onClick=${() => saveList(model)}>${t('places.list.save')}</button>
      </div>
    </div>
    <div class="posters">${made.map((place) => html`<${One} key=${place.placeId} model=${model} place=${place} />`)}</div>
  </section>`;
}

class One extends Component {
  box = createRef();

  save = () => {
    const svg = new XMLSerializer().serializeToString(this.box.current.querySelector('svg'));
    saveFile(`lct-${this.props.place.placeId}.svg`, 'image/svg+xml', svg);
  };

  render({ model, place }) {
    return html`<article class="card" ref=${this.box}>
      <${Poster} place=${place} />
      <div class="screen">
        <p class="name"><bdi>${place.name}</bdi></p>
        <p class="times">${duration(place.stay)}${place.signed && ` · ${t('places.signed')}`}</p>
        <p class="note id">${place.placeId}</p>
        <p class="note link"><a href=${place.link} target="_blank" rel="noopener noreferrer">${place.link}</a></p>
        <div class="buttons">
          <button onClick=${this.save}>${t('places.svg')}</button>
          <button onClick=${() => warnOf(model, place)}>${t('places.warn')}</button>
        </div>
      </div>
    </article>`;
  }
}

function warnOf(model, { placeId }) {
  model.chosen = placeId;
  model.go('warnings');
}

const saveList = (model) => saveFile('lct-places.txt', 'text/plain', `${[...model.places.values()].map(({ link }) => link).join('\n')}\n`);

// Places whose names are known until the tab is closed.
function Known({ model }) {
  const places = [...model.places.values()].sort((a, b) => a.name.localeCompare(b.name));
  if (places.length === 0) return null;
  return html`<details>
    <summary>${t('places.known', { count: places.length })}</summary>
    <ul class="list">${places.map((place) => html`<li key=${place.placeId}>
      <div>
        <p class="name"><bdi>${place.name}</bdi></p>
        <p class="note id">${place.placeId}</p>
      </div>
      <button aria-label=${t('places.warn.label', { name: place.name })} onClick=${() => warnOf(model, place)}>${t('places.warn')}</button>
    </li>`)}</ul>
    <div class="buttons">
      <button onClick=${() => saveList(model)}>${t('places.list.save')}</button>
      <button onClick=${() => model.keepPlaces(new Map())}>${t('places.list.forget')}</button>
    </div>
  </details>`;
}
