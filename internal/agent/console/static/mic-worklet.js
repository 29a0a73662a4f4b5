/** Runs on the audio thread: the microphone's samples become 20 ms frames at 16 kHz. */

import { Resampler } from './resample.js';

const RATE = 16000;
const FRAME = RATE / 50;

class MicProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (!samples) return true;
    for (const sample of this.resampler.push(samples)) {
      this.frame[this.filled++] = sample;
      if (this.filled === FRAME) {
        this.port.postMessage(this.frame, [this.frame.buffer]);
        this.frame = new Float32Array(FRAME);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('mic', MicProcessor);
