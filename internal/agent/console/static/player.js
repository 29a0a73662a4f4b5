/** Plays the agent's voice. */

import { Resampler, fromPCM16 } from './resample.js';

const RATE = 24000;

export class Player {
  /** @param {(playing: boolean) => void} onChange the loudspeaker begins or falls silent */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {AudioContext|null} */
    this.context = null;
    /** @type {AudioWorkletNode|null} */
    this.node = null;
    /** @type {Resampler|null} */
    this.resampler = null;
    this.rate = RATE;
  }

  /** True where the browser can play at all (a secure page). */
  static possible() {
    return typeof AudioWorkletNode === 'function' && typeof AudioContext === 'function';
  }

  /** To be called from a key press or click, else the browser keeps it silent. */
  async start() {
    if (this.context) {
      void this.context.resume();
      return;
    }
    const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    this.context = context;
    void context.resume(); // not awaited: without a gesture it would never settle
    await context.audioWorklet.addModule(new URL('./player-worklet.js', import.meta.url));
    if (this.context !== context) return; // stopped meanwhile
    this.node = new AudioWorkletNode(context, 'player', { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.onChange(data.event === 'playing');
    this.node.connect(context.destination);
  }

  /**
   * @param {Uint8Array} audio 16 bit little endian
   * @param {number} rate
   * @param {number} channels
   */
  play(audio, rate, channels) {
    if (!this.node) return;
    if (rate !== this.rate) {
      this.rate = rate;
      this.resampler = rate === RATE ? null : new Resampler(rate, RATE);
    }
    const given = fromPCM16(audio, channels);
    const samples = this.resampler ? this.resampler.push(given) : given;
    this.node.port.postMessage(samples, [samples.buffer]);
  }

  /** Drops what has not been played. */
  flush() {
    this.node?.port.postMessage('flush');
  }

  async stop() {
    const context = this.context;
    this.node?.disconnect();
    this.node = null;
    this.context = null;
    this.onChange(false);
    await context?.close();
  }
}
