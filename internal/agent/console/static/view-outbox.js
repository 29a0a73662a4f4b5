/** Mails that were sent: told by the agent, or, in a sandbox, read from its outbox. */

import { byId, el, reveal } from './dom.js';

const MOST = 50;
const EVERY_MS = 2500;

export class Outbox {
  constructor() {
    this.list = byId('outbox');
    /** @type {any[]} */
    this.mails = [];
    this.polled = false;
    this.timer = 0;
    this.shown = '';
  }

  /** @param {any} mail of a server-message "mail" */
  add(mail) {
    if (this.polled) { // the sandbox's own list is the better one
      void this.poll();
      return;
    }
    this.show([...this.mails, mail]);
  }

  /** Reads the sandbox's outbox now and again. */
  watch() {
    this.polled = true;
    const again = async () => {
      if (!document.hidden) await this.poll();
      this.timer = window.setTimeout(again, EVERY_MS);
    };
    void again();
  }

  async poll() {
    try {
      const answer = await fetch(new URL('./outbox.json', import.meta.url));
      if (!answer.ok) return;
      const body = await answer.json();
      const mails = Array.isArray(body) ? body : body?.mails ?? body?.outbox;
      if (Array.isArray(mails)) this.show(mails);
    } catch { /* the next look may succeed; a lost server is told by the socket */ }
  }

  /** @param {any[]} mails oldest first */
  show(mails) {
    this.mails = mails.slice(-MOST);
    const now = JSON.stringify(this.mails);
    if (now === this.shown) return; // what someone is reading stays as it is
    this.shown = now;
    byId('outbox-none').hidden = this.mails.length > 0;
    byId('outbox-count').textContent = this.mails.length > 0 ? String(mails.length) : '';
    const news = this.list.childElementCount < this.mails.length;
    this.list.replaceChildren(...this.mails.toReversed().map(card));
    if (news && this.list.firstElementChild) reveal(this.list.firstElementChild);
  }
}

/** @param {any} mail */
function card(mail) {
  const client = mail.client_id ?? mail.clientId;
  const at = mail.at ? new Date(mail.at) : null;
  const node = el('li', { class: 'card mail' },
    el('div', { class: 'row' }, el('h3', {}, String(mail.subject || 'No subject')),
      el('span', { class: 'small' }, at && !Number.isNaN(at.getTime()) ? at.toLocaleTimeString() : '')),
    el('p', { class: 'small' }, `to ${String(mail.to ?? '?')}${client ? ` · client ${String(client)}` : ''}`));
  const body = mail.body ?? mail.text ?? mail.summary;
  if (body) node.append(el('details', {}, el('summary', {}, 'Message'), el('pre', { tabindex: 0 }, String(body).slice(0, 20000))));
  return node;
}
