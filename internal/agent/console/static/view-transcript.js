/** The conversation as bubbles. */

import { Answer } from './view-answer.js';
import { byId, el } from './dom.js';

const MOST = 200; // entries kept on the page

export class Transcript {
  constructor() {
    this.list = byId('log');
    this.scroll = byId('scroll');
    this.live = byId('announce');
    this.agent = 'Agent';
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    /** @type {{node: HTMLElement, body: HTMLElement, final: string, partial: string}|null} */
    this.user = null;
    /** @type {Answer|null} */
    this.answer = null;
    /** @type {Answer|null} the one before, whose last words may still be told */
    this.before = null;
    this.echo = ''; // typed words that the server will repeat
  }

  /** @param {HTMLElement} node */
  add(node) {
    byId('empty').hidden = true;
    document.body.classList.add('started');
    this.list.append(node);
    while (this.list.children.length > MOST) this.list.firstElementChild?.remove();
    this.follow();
  }

  follow() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  openUser() {
    if (this.user) return this.user;
    this.closeAnswer();
    const body = el('p', { class: 'words' });
    const node = el('li', { class: 'bubble user' }, el('span', { class: 'by' }, 'You'), body);
    this.user = { node, body, final: '', partial: '' };
    this.add(node);
    return this.user;
  }

  /** @param {string} text @param {boolean} final */
  heard(text, final) {
    if (!text.trim()) return;
    const user = this.openUser();
    if (final) {
      user.final = `${user.final} ${text}`.trim();
      user.partial = '';
    } else {
      user.partial = text;
    }
    this.drawUser();
  }

  drawUser() {
    if (!this.user) return;
    const { body, final, partial } = this.user;
    body.replaceChildren(final, ...(partial ? [el('span', { class: 'partial' }, ` ${partial}`)] : []));
    this.follow();
  }

  /**
   * The words as the agent takes them; they settle the caller's bubble.
   * @param {string} text
   */
  accepted(text) {
    if (!text.trim()) return;
    if (!this.user && text.trim() === this.echo) {
      this.echo = '';
      return;
    }
    const user = this.openUser();
    user.final = text.trim();
    user.partial = '';
    this.drawUser();
    this.closeUser();
  }

  /** @param {string} text words that were typed here */
  typed(text) {
    this.closeUser();
    this.echo = '';
    this.accepted(text);
    this.echo = text.trim();
  }

  closeUser() {
    if (!this.user) return;
    if (this.user.final) {
      this.live.textContent = `You: ${this.user.final}`;
    } else {
      this.user.node.remove(); // only ever guessed at
    }
    this.drawUser();
    this.user = null;
  }

  /** @returns {Answer} */
  openAnswer() {
    this.closeUser();
    if (!this.answer) {
      this.answer = new Answer(this.agent);
      this.add(this.answer.node);
    }
    return this.answer;
  }

  /** @param {string} text a token of the model */
  token(text) {
    if (!text) return;
    const a = this.openAnswer();
    a.tokens += text;
    a.draw();
    this.follow();
  }

  /** A new stretch of the model's words begins, after tools perhaps. */
  pause() {
    if (this.answer?.tokens) this.answer.tokens = `${this.answer.tokens.trimEnd()} `;
  }

  /** @param {string} text a word that is spoken */
  word(text) {
    if (!text || (!this.answer && this.before?.text().includes(text.trim()))) return;
    const a = this.openAnswer();
    a.words = `${a.words}${a.words && !/^\s/.test(text) ? ' ' : ''}${text}`;
    if (!a.tokens) a.draw();
    this.follow();
  }

  /** @param {any} data of bot-output */
  output(data) {
    if (!data.text) return;
    const late = !this.answer && data.spoken_status !== 'new' && this.before?.known.has(data.segment_id);
    (late && this.before ? this.before : this.openAnswer()).segment(data);
    this.follow();
  }

  interrupt() {
    this.answer?.interrupt();
    this.closeAnswer();
  }

  closeAnswer() {
    if (!this.answer) return;
    this.before = this.answer;
    this.live.textContent = `${this.agent}: ${this.before.text()}`;
    this.answer = null;
  }

  /** @param {string} text a line between the bubbles */
  note(text) {
    this.closeUser();
    this.add(el('li', { class: 'aside' }, text));
  }
}
