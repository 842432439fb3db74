// Acting for another phone by its key code: its alerts, erasing, revoking. Never its diary.

import { Component, html } from '/common/html.js';
import { AlertList } from '/views/alerts.js';
import { Field, View } from '/common/parts.js';
import { t } from '/common/text.js';

export class GuestView extends Component {
  state = { code: '' };

  componentWillUnmount() {
    this.props.model.closeGuest();
  }

  open = async (event) => {
    event.preventDefault();
    if (!(await this.props.model.openGuest(this.state.code))) this.setState({ problem: t('guest.bad') });
    else this.setState({ code: '' });
  };

  close = () => {
    const { model } = this.props;
    model.closeGuest();
    model.go(model.phase === 'start' ? 'here' : 'more');
  };

  render({ model, ask }, { code, problem }) {
    const { guest } = model;
    if (!guest) {
      return html`<${View} title=${t('guest.title')} back=${this.close}>
        <p>${t('more.other.text')}</p>
        <form class="card" onSubmit=${this.open}>
          <${Field} id="keycode" area rows="3" label=${t('guest.label')} note=${t('guest.note')} problem=${problem} value=${code}
            autocomplete="off" autocapitalize="characters" spellcheck="false"
            onInput=${(event) => this.setState({ code: event.target.value, problem: '' })} />
          <button class="main">${t('guest.go')}</button>
        </form>
      <//>`;
    }
    const sure = (key, type) => () => ask({
      title: t(key),
      text: [t(`${key}.text`), t('more.sure')],
      go: t(key),
      danger: true,
      action: () => model.guestErase(type),
    });
    const ready = guest.line === 'online';
    return html`<${View} key="open" title=${t('guest.open')} back=${this.close}>
      <p>${t('guest.kept')}</p>
      ${guest.revoked && html`<p class="card" role="status">${t('guest.revoked')}</p>`}
      ${!guest.revoked && html`
        <p class="note" role="status">${ready ? '' : t(`line.${guest.line}`)}</p>
        ${guest.removed !== null && html`<p class="card" role="status">${t('guest.erased', { count: guest.removed })}</p>`}
        ${guest.problem && html`<p class="card problem" role="alert">${t('guest.problem')}</p>`}
        <h2>${t('guest.alerts')}</h2>
        ${ready && guest.alerts.length === 0 && html`<p class="note">${t('alerts.none')}</p>`}
        <${AlertList} alerts=${guest.alerts} />
        <div class="buttons column">
          <button class="danger" disabled=${!ready} onClick=${sure('guest.erase', 'forgetMe')}>${t('guest.erase')}</button>
          <button class="danger" disabled=${!ready} onClick=${sure('guest.revoke', 'revokeMe')}>${t('guest.revoke')}</button>
        </div>
      `}
    <//>`;
  }
}
