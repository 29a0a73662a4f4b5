/** One connection to the agent: RTVI 2.1 in protobuf frames over a WebSocket. */

import { decode, encodeAudio, encodeMessage } from './frame.js';
import { Trouble, closeTrouble } from './trouble.js';

const VERSION = '2.1.0';
const LABEL = 'rtvi-ai';
const OPEN_MS = 10000;
const READY_MS = 10000;
/** Beyond this the network is slower than the microphone: sound is dropped rather than queued. */
const MOST_BUFFERED = 1 << 18;

/**
 * @typedef {object} Handlers
 * @property {(type: string, data: any) => void} onMessage
 * @property {(audio: Uint8Array, rate: number, channels: number) => void} onAudio
 * @property {(trouble: Trouble|null) => void} onClose null after a proper end
 */

export class Rtvi {
  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {WebSocket|null} */
    this.socket = null;
    this.ready = false;
    this.leaving = false;
    this.frames = 0;
  }

  /**
   * Opens the socket and resolves when the agent is ready. Rejects with a Trouble.
   * @param {string} url
   * @returns {Promise<void>}
   */
  connect(url) {
    return new Promise((resolve, reject) => {
      const readyId = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
      const fail = (/** @type {Trouble} */ trouble) => {
        clearTimeout(timer);
        this.leaving = true;
        this.socket?.close();
        reject(trouble);
      };
      let timer = setTimeout(() => fail(new Trouble('The socket did not open within 10 seconds.',
        'See whether the server still runs and whether a proxy in between lets WebSockets through, then connect again.')), OPEN_MS);
      let socket;
      try {
        socket = new WebSocket(url);
      } catch {
        fail(new Trouble('The browser refused the socket address that the server gave.',
          'A page over https needs a wss address: set PUBLIC_URL of the server to its https address.'));
        return;
      }
      this.socket = socket;
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => {
        clearTimeout(timer);
        timer = setTimeout(() => fail(new Trouble('The socket is open, but the agent did not say that it is ready.',
          'The server may still be warming up or be out of reach of its vendors: read its log, then connect again.')), READY_MS);
        this.send('client-ready', { version: VERSION, about: { library: 'voicectl-console' } }, readyId);
      };
      socket.onmessage = (event) => this.receive(event.data, (id) => {
        if (id !== readyId || this.ready) return;
        clearTimeout(timer);
        this.ready = true;
        resolve();
      });
      socket.onclose = (event) => {
        if (!this.ready) {
          fail(closeTrouble(event.code, event.reason, true));
          return;
        }
        this.ready = false;
        this.handlers.onClose(this.leaving ? null : closeTrouble(event.code, event.reason, false));
      };
    });
  }

  /** @param {unknown} data @param {(id: string) => void} onReady */
  receive(data, onReady) {
    if (this.leaving) return;
    const frame = read(data);
    if (frame?.kind === 'audio') this.handlers.onAudio(frame.audio, frame.rate, frame.channels);
    if (frame?.kind !== 'message') return;
    let message;
    try {
      message = JSON.parse(frame.data);
    } catch {
      return;
    }
    if (message?.label !== LABEL || typeof message.type !== 'string') return;
    if (message.type === 'bot-ready') onReady(message.id);
    this.handlers.onMessage(message.type, message.data ?? {});
  }

  /** @param {string} type @param {object} data @param {string} [id] */
  send(type, data, id = crypto.getRandomValues(new Uint32Array(1))[0].toString(36)) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(encodeMessage({ label: LABEL, type, id, data }));
    return true;
  }

  /** @param {Uint8Array} pcm 16 kHz, 16 bit */
  sendAudio(pcm) {
    if (!this.ready || this.socket?.readyState !== WebSocket.OPEN) return false;
    if (this.socket.bufferedAmount > MOST_BUFFERED) return false;
    this.socket.send(encodeAudio(pcm, 16000, ++this.frames));
    return true;
  }

  /** Ends the session. */
  close() {
    this.leaving = true;
    this.send('disconnect-bot', {});
    this.socket?.close(1000, 'hung up');
  }
}

/** @param {unknown} data */
function read(data) {
  if (!(data instanceof ArrayBuffer)) return null;
  try {
    return decode(data);
  } catch {
    return null; // not for us; the next frame stands by itself
  }
}
