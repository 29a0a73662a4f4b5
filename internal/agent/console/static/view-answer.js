/** One bubble of the agent: what it says, and how much of that was heard. */

import { el } from './dom.js';

/** @typedef {{text: string, said: string, rest: string}} Segment */

/** One thing that the agent says, told in tokens, words or segments, whichever the server sends. */
export class Answer {
  /** @param {string} name of the agent */
  constructor(name) {
    this.body = el('p', { class: 'words' });
    this.node = el('li', { class: 'bubble agent' }, el('span', { class: 'by' }, name), this.body);
    this.tokens = '';
    this.words = '';
    /** @type {Segment[]} */
    this.segments = [];
    /** @type {Map<unknown, Segment>} by the server's id, which may begin again within an answer */
    this.known = new Map();
  }

  /** @param {any} data of bot-output */
  segment(data) {
    const silent = data.will_be_spoken === false || data.spoken === true;
    const status = silent ? 'completed' : data.spoken_status ?? 'new';
    let segment = this.known.get(data.segment_id);
    if (!segment || data.segment_id === undefined || (status === 'new' && segment.said)) {
      segment = { text: '', said: '', rest: '' };
      this.segments.push(segment);
      this.known.set(data.segment_id, segment);
    }
    if (data.text) segment.text = String(data.text);
    const progress = data.spoken_progress;
    segment.said = status === 'completed' ? segment.text : String(progress?.accumulated_text ?? segment.said);
    segment.rest = status === 'completed' ? '' : String(progress?.remaining_text ?? segment.text.slice(segment.said.length));
    this.draw();
  }

  /** @returns {string} */
  text() {
    if (this.segments.length > 0) return this.segments.map((s) => s.text.trim()).join(' ');
    return (this.tokens || this.words).trim();
  }

  draw() {
    if (this.segments.length === 0) {
      this.body.replaceChildren(this.text());
      return;
    }
    const parts = [];
    for (const s of this.segments) {
      if (s.said) parts.push(el('span', {}, `${s.said.trim()} `));
      if (s.rest) parts.push(el('span', { class: 'unsaid' }, `${s.rest.trim()} `));
    }
    this.body.replaceChildren(...parts);
  }

  interrupt() {
    this.node.classList.add('cut');
    this.node.append(el('span', { class: 'tag' }, 'interrupted'));
  }
}
