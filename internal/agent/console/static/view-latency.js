/** Where the time of a turn went: a bar a stage, from the end of the caller's words to the sound heard. */

import { byId, duration, el, prepend } from './dom.js';

const MOST = 20;

/** @type {Record<string, string>} */
const NAMES = {
  end_of_speech: 'end of speech',
  final: 'final words',
  accepted: 'accepted',
  first_token: 'first token',
  first_sound: 'first sound',
  first_audio: 'first audio',
  heard: 'heard',
};

/** @typedef {{name: string, start_ms: number, end_ms: number}} Stage */

export class Latency {
  constructor() {
    this.list = byId('latency');
    this.arrivedAt = 0;
    this.heardMs = -1;
  }

  clear() {
    this.list.replaceChildren();
    byId('latency-none').hidden = false;
    this.forget();
  }

  /** Begins a turn: the times of the last one's sound no longer count. */
  forget() {
    this.arrivedAt = 0;
    this.heardMs = -1;
  }

  /** Sound of the agent came in. */
  arrived() {
    if (!this.arrivedAt) this.arrivedAt = performance.now();
  }

  /** The loudspeaker began to play it. */
  heard() {
    if (this.arrivedAt && this.heardMs < 0) this.heardMs = performance.now() - this.arrivedAt;
  }

  /** @param {{turn?: number, stages?: unknown}} data of a server-message "turn_latency" */
  add(data) {
    const stages = read(data.stages);
    if (stages.length === 0) return;
    const last = stages[stages.length - 1];
    if (this.heardMs >= 0 && last.name === 'first_audio') {
      stages.push({ name: 'heard', start_ms: last.end_ms, end_ms: last.end_ms + this.heardMs });
    }
    const total = Math.max(...stages.map((s) => s.end_ms), 1);
    const rows = stages.map((s) => {
      const bar = el('span', { class: 'span', 'data-stage': s.name });
      bar.style.setProperty('--from', `${(100 * s.start_ms) / total}%`);
      bar.style.setProperty('--wide', `${(100 * (s.end_ms - s.start_ms)) / total}%`);
      return el('tr', {}, el('th', { scope: 'row' }, NAMES[s.name] ?? s.name.replaceAll('_', ' ')),
        el('td', { class: 'lane', 'aria-hidden': 'true' }, bar),
        el('td', { class: 'figure' }, duration(s.end_ms - s.start_ms)));
    });
    const number = Number.isFinite(Number(data.turn)) ? `Turn ${Number(data.turn)}` : 'Turn';
    for (const older of this.list.querySelectorAll('details')) older.open = false;
    const card = el('li', { class: 'card waterfall' }, el('details', { open: true },
      el('summary', { class: 'row' }, el('span', {}, number), el('strong', { class: 'figure' }, duration(total))),
      el('table', {}, el('caption', { class: 'hidden' }, `${number}: time by stage`), el('tbody', {}, ...rows))));
    byId('latency-none').hidden = true;
    prepend(this.list, card, MOST);
  }
}

/** @param {unknown} given @returns {Stage[]} */
function read(given) {
  if (!Array.isArray(given)) return [];
  return given.slice(0, 12)
    .map((s) => ({ name: String(s?.name ?? '?'), start_ms: Number(s?.start_ms), end_ms: Number(s?.end_ms) }))
    .filter((s) => Number.isFinite(s.start_ms) && Number.isFinite(s.end_ms) && s.start_ms >= 0 && s.end_ms >= s.start_ms);
}
