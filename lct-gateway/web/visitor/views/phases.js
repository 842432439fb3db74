// What fills the page when the tabs have no business there: before the start, after the end, and when it cannot work.

import { Component, html } from '/common/html.js';
import { Qr } from '/common/qr.js';
import { Languages, View } from '/common/parts.js';
import { t } from '/common/text.js';

export const Unsupported = () => html`<${View} title=${t('unsupported.title')}><p>${t('unsupported.text')}</p><//>`;

export const Elsewhere = () => html`<${View} title=${t('elsewhere.title')}>
  <p>${t('elsewhere.text')}</p>
  <button class="main" onClick=${() => location.reload()}>${t('elsewhere.here')}</button>
<//>`;

export function Start({ model }) {
  const { place, link } = model.view;
  return html`<img class="mark" src="/icon.svg" alt="" width="56" height="56" /><${View} title=${t('start.title')} focus=${false}>
    <ul class="points">${[1, 2, 3].map((n) => html`<li>${t(`start.${n}`)}</li>`)}</ul>
    ${place && html`<section class="card">
      <p><bdi>${t('start.place', { name: place.name })}</bdi></p>
      <p class="note">${t('start.installed')}</p>
      <${Copy} text=${link} label="start.copy" />
    </section>`}
    <button class="main" onClick=${() => model.makeKeys()}>${t('start.go')}</button>
    <button class="quiet" onClick=${() => model.go('guest')}>${t('start.code')}</button>
    <${Languages} model=${model} />
  <//>`;
}

class Copy extends Component {
  copy = async () => {
    const copied = await navigator.clipboard.writeText(this.props.text).then(() => true, () => false);
    this.setState({ copied });
  };

  render({ text, label }, { copied }) {
    return html`<button onClick=${this.copy} aria-live="polite">${t(copied ? 'code.copied' : label)}</button>
      ${copied === false && html`<p class="problem" role="alert">${t('code.notCopied')} <bdi>${text}</bdi></p>`}`;
  }
}

export function KeyCode({ model }) {
  const { code } = model.made;
  return html`<${View} title=${t('code.title')}>
    <p>${t('code.text')}</p>
    <div class="card code">
      <p class="keycode" aria-label=${t('code.label')} role="group">${code.split('-').map((part) => html`<span>${part}</span> `)}</p>
      <${Qr} text=${code} label=${t('code.qr')} />
    </div>
    <div class="buttons screen">
      <button onClick=${() => print()}>${t('code.print')}</button>
      <${Copy} text=${code} label="code.copy" />
    </div>
    <button class="main screen" onClick=${() => model.keptCode()}>${t('code.kept')}</button>
  <//>`;
}

export function Erasing({ model }) {
  const { hold } = model.meta.erase ?? {};
  return html`<${View} title=${t('erasing.title')}>
    <p>${t('erasing.text')}</p>
    <p class="card" role="status">${hold > Date.now() ? t('erasing.wait') : t(`line.${model.line}`)}</p>
  <//>`;
}

export const Gone = ({ model }) => html`<${View} title=${t('gone.title')}>
  <p>${t(`gone.${model.erasedBy ?? 'here'}`)}</p>
  <button class="main" onClick=${() => location.replace(model.home)}>${t('gone.again')}</button>
<//>`;

export const Revoked = ({ model }) => html`<${View} title=${t('revoked.title')}>
  <p>${t('revoked.text')}</p>
  <button class="main" onClick=${() => model.startAnew()}>${t('gone.again')}</button>
<//>`;
