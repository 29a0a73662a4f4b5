/** The page: buttons, keys, configuration. */

import { byId, el } from './dom.js';
import { Events } from './events.js';
import { level } from './mic.js';
import { Session } from './session.js';
import { initTheme, showLevel, showNotice, showState } from './view-status.js';

/**
 * @typedef {object} Config
 * @property {string} agent name
 * @property {string} profile
 * @property {'vendor'|'sandbox'} speech
 * @property {boolean} auth an access key is needed
 * @property {boolean} sandbox
 * @property {string[]} phrases
 */

/** @type {Config} */
let config = { agent: 'Agent', profile: '', speech: 'vendor', auth: false, sandbox: false, phrases: [] };
let shownLevel = 0;

const events = new Events(() => session.player.flush());
const session = new Session({
  onState: stateChanged,
  onMessage: (type, data) => events.message(type, data),
  onSound: () => events.latency.arrived(),
  onPlaying: (playing) => events.playback(playing),
  onSent: (frame) => {
    shownLevel = Math.max(level(frame), shownLevel - 6); // falls slowly, so that the eye can follow
    showLevel(shownLevel);
  },
  onMic: micChanged,
  onTrouble: (trouble) => {
    if (trouble.needsKey) askKey();
    else showNotice(trouble);
  },
});

/** @param {'idle'|'connecting'|'ready'|'ended'} state */
function stateChanged(state) {
  if (state === 'connecting') events.begin();
  if (state === 'ended') {
    events.transcript.closeUser();
    events.transcript.closeAnswer();
    events.transcript.note('The conversation ended.');
  }
  showState(state === 'ready' ? 'listening' : state);
  const connect = byId('connect');
  connect.textContent = { idle: 'Connect', connecting: 'Connecting', ready: 'Hang up', ended: 'Connect' }[state];
  connect.disabled = state === 'connecting';
  connect.classList.toggle('end', state === 'ready');
}

/** @param {boolean} open */
function micChanged(open) {
  byId('talk').setAttribute('aria-pressed', String(open));
  byId('talk-word').textContent = open ? 'Stop' : 'Talk';
  byId('mute').disabled = !open;
  byId('mute').setAttribute('aria-pressed', 'false');
  byId('mute').textContent = 'Mute';
  shownLevel = 0;
  showLevel(0);
}

function key() {
  try {
    return sessionStorage.getItem('access-key') ?? '';
  } catch {
    return '';
  }
}

function askKey() {
  byId('key-why').textContent = `${key() ? 'The server did not accept that key. ' : ''}This agent lets in those who have a key. It is kept until you close this tab.`;
  byId('key').value = '';
  byId('key-dialog').showModal();
}

/** Connects first when that has not been done. @returns {Promise<boolean>} */
async function ready() {
  if (config.auth && !key() && !session.connected) {
    askKey();
    return false;
  }
  return session.connect(key());
}

/** @param {string} text */
async function say(text) {
  if (!(await ready())) return false;
  showNotice(null);
  if (!session.sendText(text)) return false;
  events.typed(text);
  return true;
}

/** @param {string} text */
async function phrase(text) {
  if (config.sandbox) {
    if (await ready()) await session.speak(text);
  } else {
    await say(text);
  }
}

function bind() {
  byId('composer').addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault();
    const box = byId('text');
    const text = box.value.trim();
    if (text && (await say(text)) && box.value.trim() === text) box.value = '';
  });
  byId('connect').addEventListener('click', () => {
    if (session.connected) session.hangUp();
    else void ready();
  });
  byId('talk').addEventListener('click', async () => {
    if (session.mic.open || (await ready())) await session.toggleMic();
  });
  byId('mute').addEventListener('click', () => {
    session.mic.muted = !session.mic.muted;
    byId('mute').setAttribute('aria-pressed', String(session.mic.muted));
    byId('mute').textContent = session.mic.muted ? 'Muted' : 'Mute';
  });
  byId('notice-close').addEventListener('click', () => {
    showNotice(null);
    byId('text').focus();
  });
  byId('key-cancel').addEventListener('click', () => byId('key-dialog').close());
  byId('key-form').addEventListener('submit', () => {
    try {
      sessionStorage.setItem('access-key', byId('key').value);
    } catch { /* then it is asked for again */ }
    showNotice(null);
    void session.connect(byId('key').value);
  });
  document.addEventListener('keydown', (event) => {
    if (byId('key-dialog').open) return;
    if (event.key === 'Escape' && session.connected) session.hangUp();
    const typing = event.target instanceof HTMLElement && event.target.matches('input, textarea');
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId('text').focus();
    }
  });
  window.addEventListener('pagehide', () => session.hangUp());
}

async function configure() {
  try {
    const answer = await fetch(new URL('./config.json', import.meta.url));
    config = { ...config, ...(await answer.json()) };
  } catch {
    showNotice({ what: 'The server does not answer.', next: 'See whether voicectl serve still runs, then reload the page.' });
  }
  document.title = `${config.agent} · voicectl`;
  byId('agent').textContent = config.agent;
  events.transcript.agent = config.agent.split(',')[0]; // "Julia, data assistant" signs as Julia
  byId('about').textContent = ['voicectl', config.profile, config.sandbox ? 'sandbox' : ''].filter(Boolean).join(' · ');
  byId('voice-note').hidden = config.speech !== 'sandbox';
  byId('phrases').replaceChildren(...config.phrases.slice(0, 12).map((text) => {
    const button = el('button', { class: 'phrase', type: 'button' }, text);
    button.addEventListener('click', () => void phrase(text));
    return button;
  }));
  if (config.sandbox) events.outbox.watch();
}

initTheme();
bind();
void configure();
