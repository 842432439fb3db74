// Pieces that several views are made of.

import { Component, createRef, html } from '/common/html.js';
import { NotLoaded, duration, t } from '/common/text.js';

// A view: its one h1, which gets the focus when the view is opened, so that a screen reader begins there.
export class View extends Component {
  heading = createRef();

  componentDidMount() {
    if (this.props.focus !== false) this.heading.current.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  render({ title, back, children }) {
    return html`
      ${back && html`<button class="back" onClick=${back}><span aria-hidden="true">← </span>${t('back')}</button>`}
      <h1 tabindex="-1" ref=${this.heading}><bdi>${title}</bdi></h1>
      ${children}
    `;
  }
}

// The frame of a page: it asks a question where one is to be asked, and what cannot be drawn makes the page `failed`.
export class Frame extends Component {
  ask = (question) => this.setState({ question });

  asked = () => this.state.question && html`<${Ask} question=${this.state.question} close=${() => this.setState({ question: null })} />`;

  componentDidCatch(error) {
    console.error(error);
    this.props.model.phase = 'failed';
    this.setState({ question: null });
  }
}

export const Failed = () => html`<${View} title=${t('failed.title')}>
  <p>${t('failed.text')}</p>
  <button class="main" onClick=${() => location.reload()}>${t('failed.again')}</button>
<//>`;

// `path` is what is drawn, on 24 × 24.
export const Icon = ({ path }) => html`<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8"
  stroke-linecap="round" stroke-linejoin="round"><path d=${path} /></svg>`;

// Stands where something could not be loaded.
export const Missing = ({ again }) => html`<p class="problem" role="alert">${t('missing')} <button onClick=${again}>${t('again')}</button></p>`;

let failures = 0;

// A module that is wanted only now. Browsers remember what could not be loaded: the next time it has another address.
export async function fetchModule(path) {
  try {
    return await import(failures > 0 ? `${path}?${failures}` : path);
  } catch {
    failures += 1;
    throw new NotLoaded(path);
  }
}

// Gives the browser a file to save; nothing leaves it.
export function saveFile(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// Asks before what matters: `question` is { title, text, go, danger?, action }.
export class Ask extends Component {
  dialog = createRef();

  componentDidMount() {
    this.dialog.current.showModal();
  }

  componentWillUnmount() {
    this.dialog.current.close(); // gives the focus back
  }

  render({ question, close }) {
    const { title, text, go, danger, action } = question;
    const act = () => {
      close();
      action();
    };
    return html`<dialog ref=${this.dialog} aria-labelledby="question" onClose=${close} onCancel=${close}>
      <h2 id="question">${title}</h2>
      ${[text].flat().map((line) => html`<p>${line}</p>`)}
      <div class="buttons">
        <button onClick=${close}>${t('cancel')}</button>
        <button class=${danger ? 'danger' : 'main'} onClick=${act}>${go}</button>
      </div>
    </dialog>`;
  }
}

const STAYS = [15, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440];

export function Stay({ value, onChange }) {
  const stays = [...new Set([...STAYS, value])].sort((a, b) => a - b);
  return html`<label class="field">${t('place.stay')}
    <select value=${value} onChange=${(event) => onChange(Number(event.target.value))}>
      ${stays.map((minutes) => html`<option value=${minutes} selected=${minutes === value}>${duration(minutes)}</option>`)}
    </select>
  </label>`;
}

// A text field with its label, a note, and what is wrong with what is in it.
export function Field({ label, note, problem, id, area, ...rest }) {
  const described = [note && `${id}-note`, problem && `${id}-problem`].filter(Boolean).join(' ') || undefined;
  const Tag = area ? 'textarea' : 'input';
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <${Tag} id=${id} aria-describedby=${described} aria-invalid=${problem ? 'true' : undefined} ...${rest} />
    ${note && html`<p class="note" id=${`${id}-note`}>${note}</p>`}
    ${problem && html`<p class="problem" role="alert" id=${`${id}-problem`}>${problem}</p>`}
  </div>`;
}

const NAMES = { en: 'English', es: 'Español' };

export class Languages extends Component {
  choose = async (tag) => {
    this.setState({ missing: null });
    try {
      await this.props.model.setLanguage(tag);
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      this.setState({ missing: tag });
    }
  };

  render(_, { missing }) {
    return html`<div class="languages" role="group" aria-label=${t('language')}>
      ${Object.entries(NAMES).map(([tag, name]) => html`<button class="quiet" lang=${tag} onClick=${() => this.choose(tag)}
        aria-pressed=${document.documentElement.lang === tag ? 'true' : 'false'}>${name}</button>`)}
    </div>
    ${missing && html`<${Missing} again=${() => this.choose(missing)} />`}`;
  }
}
