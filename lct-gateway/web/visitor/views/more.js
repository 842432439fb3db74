// My data: save, erase, revoke; another phone's code; a word to the operators; the privacy notice; the language.

import { Component, html } from '/common/html.js';
import { Field, Languages, View, saveFile } from '/common/parts.js';
import { t } from '/common/text.js';

const PRIVACY = [1, 2, 3, 4, 5];

export class MoreView extends Component {
  state = { text: '' };

  save = async () => {
    const data = await this.props.model.exportData();
    saveFile(`lct-${data.made.slice(0, 10)}.json`, 'application/json', JSON.stringify(data, null, 2));
  };

  send = async (event) => {
    event.preventDefault();
    const text = this.state.text.trim();
    if (!text) return;
    await this.props.model.sendNote(text);
    this.setState({ text: '', sent: true });
  };

  render({ model, ask }, { text, sent }) {
    const sure = (key, action) => () => ask({
      title: t(key),
      text: [t(`${key}.text`), t('more.sure')],
      go: t(key),
      danger: true,
      action,
    });
    return html`<${View} title=${t('more.title')}>
      <section class="card">
        <h2>${t('more.export')}</h2>
        <p>${t('more.export.text')}</p>
        <button onClick=${this.save}>${t('more.export.go')}</button>
      </section>
      <section class="card">
        <h2>${t('more.erase')}</h2>
        <div class="buttons column">
          <button class="danger" onClick=${sure('more.here', () => model.eraseHere())}>${t('more.here')}</button>
          <button class="danger" onClick=${sure('more.everywhere', () => model.eraseEverywhere('forgetMe'))}>${t('more.everywhere')}</button>
          <button class="danger" onClick=${sure('more.revoke', () => model.eraseEverywhere('revokeMe'))}>${t('more.revoke')}</button>
        </div>
      </section>
      <section class="card">
        <h2>${t('more.other')}</h2>
        <p>${t('more.other.text')}</p>
        <button onClick=${() => model.go('guest')}>${t('more.other.go')}</button>
      </section>
      <section class="card">
        <h2>${t('more.feedback')}</h2>
        <p>${t('more.feedback.text')}</p>
        <form onSubmit=${this.send}>
          <${Field} id="feedback" area label=${t('more.feedback.label')} maxlength="2000" rows="4" value=${text}
            onInput=${(event) => this.setState({ text: event.target.value, sent: false })} />
          <button>${t('more.feedback.go')}</button>
        </form>
        <p class="note" role="status">${sent && t('more.feedback.thanks')} ${model.notes.length > 0 && t('more.feedback.waiting', { count: model.notes.length })}</p>
      </section>
      <section class="card">
        <h2>${t('more.privacy')}</h2>
        <ul>${PRIVACY.map((n) => html`<li>${t(`more.privacy.${n}`)}</li>`)}</ul>
      </section>
      <section class="card">
        <h2>${t('language')}</h2>
        <${Languages} model=${model} />
      </section>
    <//>`;
  }
}
