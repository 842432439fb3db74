// Reading the code of a place with the camera. What it sees stays in this browser, and nothing of it is kept.

import { Component, createRef, html } from '/common/html.js';
import { View } from '/common/parts.js';
import { t } from '/common/text.js';
import { Paste } from '/views/here.js';

// Between two looks at the picture, in milliseconds.
const PAUSE = 150;
// What is wrong, by the browser's name for it.
const PROBLEMS = { NotAllowedError: 'denied', NotFoundError: 'none' };

export class ScanView extends Component {
  video = createRef();

  componentDidMount() {
    document.addEventListener('visibilitychange', this.look);
    this.look();
  }

  componentWillUnmount() {
    document.removeEventListener('visibilitychange', this.look);
    this.stop();
  }

  // The camera is on while this page is looked at, and at no other time.
  look = () => (document.visibilityState === 'visible' ? this.start() : this.stop());

  start = async () => {
    this.stop();
    // What is under way for an earlier turn comes too late.
    const turn = (this.turn = {});
    this.setState({ problem: '', other: false });
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      if (turn !== this.turn) return end(stream);
      this.stream = stream;
      this.video.current.srcObject = stream;
      await this.video.current.play();
      await this.read(turn);
    } catch ({ name }) {
      if (turn !== this.turn) return;
      this.stop();
      this.setState({ problem: PROBLEMS[name] ?? 'failed' });
    }
  };

  stop() {
    this.turn = null;
    if (this.stream) end(this.stream);
    this.stream = null;
  }

  async read(turn) {
    const detector = new BarcodeDetector({ formats: ['qr_code'] });
    while (turn === this.turn) {
      const codes = await detector.detect(this.video.current).catch(() => []); // there may be no picture yet
      if (turn !== this.turn) return;
      if (codes.some(({ rawValue }) => this.props.model.openLink(rawValue))) this.stop();
      else if (codes.length > 0) this.setState({ other: true });
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  render({ model }, { problem, other }) {
    return html`<${View} title=${t('scan.title')} back=${() => model.go('here')}>
      <p role="status">${!problem && t(other ? 'scan.other' : 'scan.text')}</p>
      <video class="camera" ref=${this.video} hidden=${Boolean(problem)} muted playsinline aria-label=${t('scan.picture')}></video>
      ${problem && html`<p class="card problem" role="alert">${t(`scan.${problem}`)}</p>
        <button class="main" onClick=${this.start}>${t('again')}</button>
        <${Paste} model=${model} open />`}
    <//>`;
  }
}

const end = (stream) => stream.getTracks().forEach((track) => track.stop());
