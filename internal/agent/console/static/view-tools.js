/** The tools that the agent calls, as they run. */

import { byId, duration, el, prepend, pretty } from './dom.js';

const MOST = 50;

/** @typedef {{node: HTMLElement, state: HTMLElement, name: HTMLElement, began: number, done: boolean}} Card */

export class Tools {
  constructor() {
    this.list = byId('tools');
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.count = 0;
  }

  clear() {
    this.list.replaceChildren();
    this.cards.clear();
    this.count = 0;
    byId('tools-none').hidden = false;
    byId('tools-count').textContent = '';
  }

  /** @param {any} data @returns {Card} */
  card(data) {
    const id = String(data.tool_call_id ?? '');
    const known = this.cards.get(id);
    if (known) return known;
    const name = el('code', { class: 'name' }, String(data.function_name || 'a tool'));
    const state = el('span', { class: 'how', 'data-how': 'running' }, '◌ running');
    const node = el('li', { class: 'card tool' }, el('div', { class: 'row' }, name, state));
    const card = { node, state, name, began: performance.now(), done: false };
    this.cards.set(id, card);
    if (this.cards.size > MOST) this.cards.delete(this.cards.keys().next().value ?? '');
    byId('tools-none').hidden = true;
    byId('tools-count').textContent = String(++this.count);
    prepend(this.list, node, MOST);
    return card;
  }

  /** @param {any} data of llm-function-call-in-progress */
  running(data) {
    const { node } = this.card(data);
    if (data.arguments === undefined || node.querySelector('.arguments')) return;
    node.append(fields(data.arguments));
  }

  /** @param {any} data of llm-function-call-stopped */
  stopped(data) {
    const card = this.card(data);
    if (data.function_name) card.name.textContent = String(data.function_name);
    const how = data.cancelled ? 'cancelled' : failed(data.result) ? 'failed' : 'done';
    if (!card.done) settle(card, how, performance.now() - card.began);
    if (data.result === undefined || data.result === null || card.node.querySelector('.result')) return;
    card.node.append(el('details', { class: 'result' }, el('summary', {}, 'Result'), el('pre', { tabindex: 0 }, pretty(data.result))));
  }

  /** @param {any} data of a server-message "tool_result": the server's own word and time */
  judged(data) {
    const card = this.card({ tool_call_id: data.tool_call_id, function_name: data.name });
    const how = card.state.dataset.how === 'cancelled' ? 'cancelled' : data.ok === false ? 'failed' : 'done';
    settle(card, how, Number(data.ms));
  }
}

/** @param {Card} card @param {'done'|'failed'|'cancelled'} how @param {number} ms */
function settle(card, how, ms) {
  card.done = true;
  card.state.dataset.how = how;
  card.state.textContent = `${{ cancelled: '⊘', failed: '✕', done: '✓' }[how]} ${how} · ${duration(ms)}`;
}

/** @param {unknown} result */
function failed(result) {
  let value = /** @type {any} */ (result);
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return false;
    }
  }
  return Boolean(value && typeof value === 'object' && (value.error || value.success === false || value.ok === false));
}

/** @param {unknown} given arguments: an object, or its JSON */
function fields(given) {
  let value = /** @type {any} */ (given);
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch { /* shown as it is */ }
  }
  if (!value || typeof value !== 'object') return el('pre', { class: 'arguments' }, pretty(given));
  const list = el('dl', { class: 'arguments' });
  for (const [name, v] of Object.entries(value)) {
    list.append(el('dt', {}, name), el('dd', {}, typeof v === 'string' ? v : pretty(v)));
  }
  return list;
}
