/** One conversation: start, socket, microphone, loudspeaker. It knows nothing of the page. */

import { Mic } from './mic.js';
import { fetchPhrase, stream } from './phrase.js';
import { Player } from './player.js';
import { toPCM16 } from './resample.js';
import { Rtvi } from './rtvi.js';
import { Trouble, insecureTrouble, microphoneTrouble, startTrouble } from './trouble.js';

/**
 * @typedef {object} SessionHandlers
 * @property {(state: 'idle'|'connecting'|'ready'|'ended') => void} onState
 * @property {(type: string, data: any) => void} onMessage
 * @property {() => void} onSound the agent's sound arrived
 * @property {(playing: boolean) => void} onPlaying
 * @property {(frame: Float32Array) => void} onSent a frame of the microphone, or of a phrase, went out
 * @property {(open: boolean) => void} onMic
 * @property {(trouble: Trouble) => void} onTrouble
 */

export class Session {
  /** @param {SessionHandlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {Rtvi|null} */
    this.rtvi = null;
    /** @type {Promise<boolean>|null} */
    this.connecting = null;
    this.player = new Player(handlers.onPlaying);
    this.mic = new Mic((frame) => this.fromMic(frame), () => {
      handlers.onMic(false);
      handlers.onTrouble(microphoneTrouble(new DOMException('', 'NotReadableError')));
    });
    /** @type {AbortController|null} what plays in place of the microphone */
    this.phrase = null;
  }

  get connected() {
    return this.rtvi?.ready ?? false;
  }

  /**
   * Connects unless that is done. Resolves to false when it could not; the trouble has been told.
   * @param {string} key access key, or ""
   */
  connect(key) {
    if (this.connected) return Promise.resolve(true);
    this.connecting ??= this.open(key).finally(() => { this.connecting = null; });
    return this.connecting;
  }

  /** @param {string} key */
  async open(key) {
    this.handlers.onState('connecting');
    try {
      if (Player.possible()) await this.player.start();
      else this.handlers.onTrouble(insecureTrouble());
      const url = await startBot(key);
      const rtvi = new Rtvi({
        onMessage: this.handlers.onMessage,
        onAudio: (audio, rate, channels) => {
          this.handlers.onSound();
          this.player.play(audio, rate, channels);
        },
        onClose: (trouble) => {
          if (this.rtvi === rtvi) this.closed(trouble);
        },
      });
      this.rtvi = rtvi;
      await rtvi.connect(url);
      this.handlers.onState('ready');
      return true;
    } catch (error) {
      this.rtvi = null;
      await this.player.stop();
      this.handlers.onState('idle');
      this.handlers.onTrouble(error instanceof Trouble ? error
        : new Trouble('The page could not connect.', `Reload it. The browser says: ${String(error)}`));
      return false;
    }
  }

  /** @param {Trouble|null} trouble */
  closed(trouble) {
    this.rtvi = null;
    this.phrase?.abort();
    void this.mic.stop();
    void this.player.stop();
    this.handlers.onMic(false);
    this.handlers.onState('ended');
    if (trouble) this.handlers.onTrouble(trouble);
  }

  hangUp() {
    if (!this.rtvi?.ready) return;
    this.rtvi.close();
    this.closed(null);
  }

  /** @param {string} content */
  sendText(content) {
    return this.rtvi?.send('send-text', { content, options: { run_immediately: true, audio_response: true } }) ?? false;
  }

  /** @param {Float32Array} frame */
  fromMic(frame) {
    if (!this.phrase) this.sendFrame(frame);
  }

  /** @param {Float32Array} frame */
  sendFrame(frame) {
    this.handlers.onSent(frame);
    this.rtvi?.sendAudio(toPCM16(frame));
  }

  /** Opens or closes the microphone. */
  async toggleMic() {
    if (this.mic.open) {
      await this.mic.stop();
      this.handlers.onMic(false);
      await this.sendSound(new Float32Array(0)); // the end of what was said is heard only in silence
      return;
    }
    try {
      await this.mic.start();
      this.handlers.onMic(true);
    } catch (error) {
      this.handlers.onTrouble(error instanceof Trouble ? error : microphoneTrouble(error));
    }
  }

  /**
   * Speaks a phrase into the conversation, as sound.
   * @param {string} text
   */
  async speak(text) {
    this.phrase?.abort();
    try {
      await this.sendSound(await fetchPhrase(text, AbortSignal.timeout(10000)));
    } catch (error) {
      this.handlers.onTrouble(error instanceof Trouble ? error
        : new Trouble('The sound of the phrase did not arrive.', 'See whether the server still runs, or type the phrase.'));
    }
  }

  /** @param {Float32Array} samples */
  async sendSound(samples) {
    this.phrase?.abort();
    const mine = new AbortController();
    this.phrase = mine;
    await stream(samples, (frame) => this.sendFrame(frame), mine.signal);
    if (this.phrase === mine) this.phrase = null;
  }
}

/**
 * Asks the server for a conversation and returns the socket's address. Throws a Trouble.
 * @param {string} key
 */
async function startBot(key) {
  let answer;
  try {
    /** @type {Record<string, string>} */
    const headers = { 'Content-Type': 'application/json' };
    if (key) headers.Authorization = `Bearer ${key}`;
    answer = await fetch('start', { method: 'POST', headers, body: '{}', signal: AbortSignal.timeout(15000) });
  } catch {
    throw new Trouble('The server does not answer.', 'See whether voicectl serve still runs at this address, then connect again.');
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw startTrouble(answer.status, body);
  const address = body?.wsUrl ?? body?.ws_url;
  if (typeof address !== 'string') {
    throw new Trouble('The server gave no socket address.', 'Reload the page: it may be older than the server.');
  }
  const url = new URL(address, location.href);
  if (typeof body.token === 'string' && body.token) url.searchParams.set('token', body.token);
  return url.href;
}
