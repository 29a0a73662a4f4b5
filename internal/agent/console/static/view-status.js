/** State, notices, theme: what frames the conversation. */

import { byId } from './dom.js';

/** @type {Record<string, string>} */
const WORDS = {
  idle: 'not connected',
  connecting: 'connecting',
  listening: 'listening',
  hearing: 'hearing you',
  thinking: 'thinking',
  speaking: 'speaking',
  ended: 'ended',
};

/** @param {string} state @param {string} [detail] */
export function showState(state, detail = '') {
  const node = byId('state');
  node.dataset.state = state;
  const words = `${WORDS[state] ?? state}${detail ? `: ${detail}` : ''}`;
  if (byId('state-word').textContent !== words) byId('state-word').textContent = words;
}

/** @param {string} id */
export function showSession(id) {
  const node = byId('session');
  node.hidden = !id;
  node.textContent = id ? `session ${id}` : '';
}

/** @param {{what: string, next: string}|null} trouble */
export function showNotice(trouble) {
  const node = byId('notice');
  node.hidden = trouble === null;
  byId('notice-what').textContent = trouble?.what ?? '';
  byId('notice-next').textContent = trouble?.next ?? '';
}

/** @param {number} value 0 to 100 */
export function showLevel(value) {
  byId('meter').setAttribute('aria-valuenow', String(value));
  byId('meter-bar').style.setProperty('--level', String(value / 100));
}

const THEMES = ['auto', 'light', 'dark'];

/** The theme follows the system until the button says otherwise; the choice stays in this browser. */
export function initTheme() {
  const button = byId('theme');
  let theme = stored();
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem('theme', theme);
    } catch { /* private windows may keep nothing */ }
    apply();
  });
  apply();
}

function stored() {
  try {
    const theme = localStorage.getItem('theme') ?? '';
    return THEMES.includes(theme) ? theme : 'auto';
  } catch {
    return 'auto';
  }
}
