// A QR code as an SVG: one path, so that it prints sharply at any size.

import { Component, html } from '/common/html.js';

export class Qr extends Component {
  async componentDidMount() {
    // Loaded when one is wanted: most visits to the page show none.
    const { encode } = await import('/vendor/uqr/uqr.mjs');
    this.setState({ encode });
  }

  render({ text, label }, { encode }) {
    const { data, size } = encode ? encode(text, { ecc: 'M', border: 4 }) : { data: [], size: 1 };
    const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
    return html`<svg class="qr" role="img" aria-label=${label} viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">
      <rect width=${size} height=${size} fill="#fff" /><path d=${path} fill="#000" />
    </svg>`;
  }
}
