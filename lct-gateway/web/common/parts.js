// Pieces that several views are made of.

import { Component, createRef, html } from '/common/html.js';
import { duration, t } from '/common/text.js';

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

export function Languages({ model }) {
  return html`<div class="languages" role="group" aria-label=${t('language')}>
    ${Object.entries(NAMES).map(([tag, name]) => html`<button class="quiet" lang=${tag} onClick=${() => model.setLanguage(tag)}
      aria-pressed=${document.documentElement.lang === tag ? 'true' : 'false'}>${name}</button>`)}
  </div>`;
}
