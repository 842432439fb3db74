// A QR code as an SVG: one path, so that it prints sharply at any size.

import { Component, html } from '/common/html.js';
import { Missing, fetchModule } from '/common/parts.js';
import { NotLoaded } from '/common/text.js';

// { size, path }: the modules of a text's code, light border included. Loaded when one is wanted: most visits show none.
// Throws NotLoaded.
export async function qrPath(text) {
  const { encode } = await fetchModule('/vendor/uqr/uqr.mjs');
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return { size, path };
}

export class Qr extends Component {
  componentDidMount() {
    this.draw();
  }

  componentDidUpdate({ text }) {
    if (text !== this.props.text) this.draw();
  }

  draw = async () => {
    const { text } = this.props;
    this.setState({ missing: false });
    try {
      const code = await qrPath(text);
      if (text === this.props.text) this.setState(code);
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      this.setState({ missing: true });
    }
  };

  render({ label }, { size = 1, path = '', missing }) {
    if (missing) return html`<${Missing} again=${this.draw} />`;
    return html`<svg class="qr" role="img" aria-label=${label} viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">
      <rect width=${size} height=${size} fill="#fff" /><path d=${path} fill="#000" />
    </svg>`;
  }
}
