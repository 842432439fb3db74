// What comes before the tabs: the token, or why there is no use for one.

import { Component, html } from '/common/html.js';
import { Field, View } from '/common/parts.js';
import { t } from '/common/text.js';

export class Token extends Component {
  state = { token: '' };

  enter = (event) => {
    event.preventDefault();
    const token = this.state.token.trim();
    if (token) this.props.model.signIn(token);
  };

  render({ model }, { token }) {
    return html`<${View} title=${t('token.title')} focus=${false}>
      <p>${t('token.text')}</p>
      <form class="card" onSubmit=${this.enter}>
        <${Field} id="token" type="password" label=${t('token.label')} note=${t('token.note')} autocomplete="off" spellcheck="false" required
          value=${token} problem=${model.problem === 'wrong' && t('token.wrong')}
          onInput=${(event) => this.setState({ token: event.target.value })} />
        <button class="main">${t('token.go')}</button>
      </form>
    <//>`;
  }
}

export const Closed = ({ model }) => html`<${View} title=${t('closed.title')}>
  <p>${t('closed.text')}</p>
  <pre class="card">openssl rand -hex 24${'\n'}LCT_OPS_TOKEN=duty:… lct-gateway</pre>
  <p class="note">${t('closed.note')}</p>
  <button class="main" onClick=${() => model.enter()}>${t('again')}</button>
<//>`;

export const Down = ({ model }) => html`<${View} title=${t('down.title')}>
  <p>${t('down.text')}</p>
  <p class="note">${model.problem.message}</p>
  <button class="main" onClick=${() => model.enter()}>${t('again')}</button>
<//>`;
