// A chart over time, drawn by uPlot, which is loaded with the first one. Beside it, in words: its title, what it shows under
// the pointer or at the end, and its range, for who cannot see it.

import { Component, createRef, html } from '/common/html.js';
import { Missing, fetchModule } from '/common/parts.js';
import { NotLoaded, t } from '/common/text.js';
import { HOUR } from '/common/time.js';

const HEIGHT = 150;

// Props: title, times (ms), series [{ label, values (null: not known), tone }], show(value), when(ms); bars, or as lines; the
// least that the axis reaches up to, and how long it is (ms), where not as long as the times.
export class Chart extends Component {
  box = createRef();

  componentDidMount() {
    this.load();
  }

  load = async () => {
    this.setState({ missing: false });
    try {
      this.UPlot = (await fetchModule('/vendor/uplot/uPlot.esm.js')).default;
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      this.setState({ missing: true });
      return;
    }
    if (!this.box.current) return;
    this.draw();
    this.sizes = new ResizeObserver(([{ contentRect }]) => this.plot.setSize({ width: Math.floor(contentRect.width), height: HEIGHT }));
    this.sizes.observe(this.box.current);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.scheme.addEventListener('change', this.redraw);
  };

  componentDidUpdate() {
    this.plot?.setData(this.data());
  }

  componentWillUnmount() {
    this.sizes?.disconnect();
    this.scheme?.removeEventListener('change', this.redraw);
    this.plot?.destroy();
    this.plot = null;
  }

  redraw = () => {
    this.plot.destroy();
    this.draw();
  };

  data() {
    const { times, series } = this.props;
    return [times.map((ms) => ms / 1000), ...series.map(({ values }) => values)];
  }

  // From when to when, in seconds. A bar stands on the hour that begins there.
  range() {
    const { times, bars, span } = this.props;
    const [first = 0, last = first + HOUR] = [times[0], times.at(-1)];
    return [(span ? last - span : first) / 1000, (bars ? last + HOUR : last) / 1000];
  }

  draw() {
    const { UPlot } = this;
    const { series, bars, least = 1 } = this.props;
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: tone('soft'), font: '12px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: tone('line'), width: 1 } };
    const options = {
      width: Math.max(this.box.current.clientWidth, 100),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
      scales: {
        x: { range: () => this.range() },
        y: { range: (_, low, high) => [0, Math.max((high ?? 0) * 1.15, least)] },
      },
      axes: [
        { ...axis, size: 26, gap: 4, grid: { show: false }, space: 70, values: (_, ticks) => ticks.map((second) => this.props.when(second * 1000)) },
        { ...axis, size: 62, space: 36, values: (_, ticks) => ticks.map((value) => this.props.show(value)) },
      ],
      series: [
        {},
        ...series.map(({ tone: name, dash }) => ({
          stroke: tone(name),
          width: bars ? 0 : 2,
          dash: dash && [6, 4],
          fill: bars ? tone(name) : undefined,
          paths: bars ? UPlot.paths.bars({ size: [0.8, 60], align: 1 }) : undefined,
          // A value between two that are not known would be no line.
          points: { show: !bars, size: 3, width: 0, fill: tone(name) },
        })),
      ],
      hooks: { setCursor: [({ cursor }) => cursor.idx !== this.state.at && this.setState({ at: cursor.idx })] },
    };
    this.plot = new UPlot(options, this.data(), this.box.current);
  }

  render({ title, times, series, show, when, bars }, { at, missing }) {
    const index = Number.isInteger(at) && at < times.length ? at : bars ? -1 : times.length - 1;
    const word = (value) => (value === null || value === undefined ? t('chart.none') : show(value));
    const label = series.map(({ label, values }) => {
      const all = values.filter((value) => value !== null);
      if (all.length === 0) return `${label}: ${t('chart.none')}`;
      return t('chart.label', { label, low: show(Math.min(...all)), high: show(Math.max(...all)), last: word(values.at(-1)) });
    });
    const key = ({ label, values, tone, dash }) => html` <span class=${`key ${tone} ${dash ? 'dashed' : ''}`}>
      ${series.length > 1 && `${label} `}${word(values[index])}
    </span>`;
    return html`<figure class="chart card">
      <figcaption>
        <strong>${title}</strong>
        <span class="times">${index >= 0 && html`${when(times[index])} ${series.map(key)}`}</span>
      </figcaption>
      ${missing && html`<${Missing} again=${this.load} />`}
      <div class="plot" role="img" aria-label=${[series.length > 1 && title, ...label].filter(Boolean).join('. ')} ref=${this.box}></div>
    </figure>`;
  }
}
