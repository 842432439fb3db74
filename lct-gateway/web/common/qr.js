// A QR code as an SVG: one path, so that it prints sharply at any size.

import { Component, html } from '/common/html.js';

// { size, path }: the modules of a text's code, light border included. Loaded when one is wanted: most visits show none.
export async function qrPath(text) {
  const { encode } = await import('/vendor/uqr/uqr.mjs');
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return { size, path };
}

export class Qr extends Component {
  async componentDidMount() {
    this.setState(await qrPath(this.props.text));
  }

  async componentDidUpdate({ text }) {
    if (text !== this.props.text) this.setState(await qrPath(this.props.text));
  }

  render({ label }, { size = 1, path = '' }) {
    return html`<svg class="qr" role="img" aria-label=${label} viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">
      <rect width=${size} height=${size} fill="#fff" /><path d=${path} fill="#000" />
    </svg>`;
  }
}
