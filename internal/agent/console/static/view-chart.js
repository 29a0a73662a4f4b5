/** Charts, drawn as SVG, each with its table. */

import { byId, el, prepend, reveal, svg } from './dom.js';

const MOST = 10;
const W = 420;
const H = 200;
const PAD = { top: 10, right: 8, bottom: 26, left: 46 };

/** @typedef {{client_id?: string|number, title?: string, labels?: unknown[], series?: {name?: string, data?: unknown[]}[], kind?: string}} ChartData */

export class Charts {
  constructor() {
    this.list = byId('charts');
  }

  clear() {
    this.list.replaceChildren();
    byId('charts-none').hidden = false;
  }

  /** @param {ChartData} data of a server-message "chart" */
  add(data) {
    const series = (Array.isArray(data.series) ? data.series : []).slice(0, 8).map((s, i) => ({
      name: String(s?.name ?? `series ${i + 1}`),
      data: (Array.isArray(s?.data) ? s.data : []).slice(0, 120).map(Number),
    }));
    const points = Math.max(0, ...series.map((s) => s.data.length));
    const labels = Array.from({ length: points }, (_, i) => String(data.labels?.[i] ?? i + 1));
    const title = data.title ? String(data.title) : `Client ${data.client_id ?? '?'}`;
    const card = el('li', { class: 'card chart' });
    const flip = el('button', { class: 'quiet small', type: 'button' });
    const holder = el('div', { class: 'drawing' });
    let kind = data.kind === 'line' || points > 18 ? 'line' : 'bar';
    const draw = () => {
      flip.textContent = kind === 'bar' ? 'As lines' : 'As bars';
      holder.replaceChildren(drawing(title, kind, labels, series));
    };
    flip.addEventListener('click', () => {
      kind = kind === 'bar' ? 'line' : 'bar';
      draw();
    });
    draw();
    const legend = el('ul', { class: 'legend' }, ...series.map((s, i) => el('li', { 'data-series': i }, s.name)));
    card.append(el('div', { class: 'row' }, el('h3', {}, title), flip), holder, legend,
      el('details', {}, el('summary', {}, 'As a table'), table(title, labels, series)));
    byId('charts-none').hidden = true;
    prepend(this.list, card, MOST);
    reveal(card);
  }
}

/** @typedef {{name: string, data: number[]}[]} Series */

/** @param {string} title @param {string[]} labels @param {Series} series */
function table(title, labels, series) {
  const head = el('tr', {}, el('th', { scope: 'col' }, ''), ...series.map((s) => el('th', { scope: 'col' }, s.name)));
  const rows = labels.map((label, i) => el('tr', {}, el('th', { scope: 'row' }, label),
    ...series.map((s) => el('td', {}, Number.isFinite(s.data[i]) ? s.data[i].toLocaleString('en') : '–'))));
  return el('table', {}, el('caption', { class: 'hidden' }, title), el('thead', {}, head), el('tbody', {}, ...rows));
}

/** @param {string} title @param {string} kind @param {string[]} labels @param {Series} series */
function drawing(title, kind, labels, series) {
  const values = series.flatMap((s) => s.data).filter(Number.isFinite);
  const ticks = scale(Math.min(0, ...values), Math.max(0, ...values));
  const low = ticks[0];
  const high = ticks[ticks.length - 1];
  const y = (/** @type {number} */ v) => PAD.top + ((high - v) / (high - low)) * (H - PAD.top - PAD.bottom);
  const slot = (W - PAD.left - PAD.right) / Math.max(1, labels.length);
  const x = (/** @type {number} */ i) => PAD.left + slot * (i + 0.5);
  const root = svg('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': `${title}: ${kind} chart of ${series.map((s) => s.name).join(', ')}` });
  for (const t of ticks) {
    root.append(svg('line', { class: t === 0 ? 'axis' : 'grid', x1: PAD.left, x2: W - PAD.right, y1: y(t), y2: y(t) }),
      svg('text', { class: 'tick', x: PAD.left - 6, y: y(t) + 3.5, 'text-anchor': 'end' }, short(t)));
  }
  const every = Math.ceil(labels.length / 8);
  labels.forEach((label, i) => {
    if (i % every === 0) root.append(svg('text', { class: 'tick', x: x(i), y: H - 8, 'text-anchor': 'middle' }, label.slice(0, 12)));
  });
  series.forEach((s, n) => {
    if (kind === 'line') {
      root.append(svg('polyline', { class: 'curve', 'data-series': n, points: s.data.map((v, i) => `${x(i)},${y(Number.isFinite(v) ? v : 0)}`).join(' ') }));
    }
    s.data.forEach((v, i) => {
      if (!Number.isFinite(v)) return;
      const tip = svg('title', {}, `${labels[i]}, ${s.name}: ${v.toLocaleString('en')}`);
      if (kind === 'line') {
        root.append(svg('circle', { class: 'point', 'data-series': n, cx: x(i), cy: y(v), r: 3 }, tip));
        return;
      }
      const wide = Math.min(34, (slot * 0.72) / series.length);
      root.append(svg('rect', {
        class: 'bar', 'data-series': n, rx: 2, width: wide, height: Math.max(0.5, Math.abs(y(v) - y(0))),
        x: x(i) + (n - series.length / 2) * wide, y: Math.min(y(v), y(0)),
      }, tip));
    });
  });
  return root;
}

/**
 * Round numbers from below low to above high.
 * @param {number} low
 * @param {number} high
 */
function scale(low, high) {
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((m) => m * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** @param {number} v */
function short(v) {
  const size = Math.abs(v);
  if (size >= 1e6) return `${+(v / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${+(v / 1e3).toFixed(1)}k`;
  return String(+v.toFixed(2));
}
