/**
 * Runs on the audio thread: plays what arrives from a ring. It begins when 80 ms lie ready, or when what
 * little there is has waited as long, and begins again after it has run dry.
 */

const SECONDS = 30;
const READY_MS = 80;

class PlayerProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(SECONDS * sampleRate);
    this.ready = (READY_MS / 1000) * sampleRate;
    this.head = 0; // next to play
    this.size = 0;
    this.playing = false;
    this.waited = 0;
    this.port.onmessage = ({ data }) => {
      if (data === 'flush') this.clear();
      else this.add(data);
    };
  }

  clear() {
    this.size = 0;
    this.playing = false;
    this.waited = 0;
    this.port.postMessage({ event: 'dry' });
  }

  /** @param {Float32Array} samples */
  add(samples) {
    const room = this.ring.length - this.size;
    const taken = Math.min(room, samples.length); // a full ring keeps what it has: order matters more than the end
    for (let i = 0, at = (this.head + this.size) % this.ring.length; i < taken; i++) {
      this.ring[at] = samples[i];
      at = at + 1 === this.ring.length ? 0 : at + 1;
    }
    this.size += taken;
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
  process(inputs, outputs) {
    const out = outputs[0][0];
    if (!this.playing && this.size > 0) {
      this.waited += out.length;
      if (this.size >= this.ready || this.waited >= this.ready) {
        this.playing = true;
        this.port.postMessage({ event: 'playing' });
      }
    }
    if (!this.playing) return true;
    const count = Math.min(out.length, this.size);
    for (let i = 0; i < count; i++) {
      out[i] = this.ring[this.head];
      this.head = this.head + 1 === this.ring.length ? 0 : this.head + 1;
    }
    this.size -= count;
    if (this.size === 0) {
      this.playing = false;
      this.waited = 0;
      this.port.postMessage({ event: 'dry' });
    }
    return true;
  }
}

registerProcessor('player', PlayerProcessor);
