/** Streaming change of sample rate: a windowed sinc, good enough for speech and for tones. */

const TAPS = 24; // on each side, in samples of the lower rate
const PHASES = 128;

export class Resampler {
  /**
   * @param {number} from samples a second that come in
   * @param {number} to samples a second that go out
   */
  constructor(from, to) {
    this.step = from / to;
    const scale = Math.max(1, this.step); // below the lower rate's half nothing may fold over
    this.half = Math.ceil(TAPS * scale);
    this.table = kernel(this.half, 0.94 / scale);
    this.input = new Float32Array(this.half);
    this.at = this.half; // place of the next output in this.input
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array<ArrayBuffer>}
   */
  push(samples) {
    const input = new Float32Array(this.input.length + samples.length);
    input.set(this.input);
    input.set(samples, this.input.length);
    const count = Math.max(0, Math.floor((input.length - this.half - 1 - this.at) / this.step) + 1);
    const out = new Float32Array(count);
    const width = 2 * this.half;
    for (let n = 0; n < count; n++) {
      const place = this.at + n * this.step;
      const whole = Math.floor(place);
      const taps = this.table[Math.round((place - whole) * PHASES)];
      let sum = 0;
      for (let k = 0, i = whole - this.half + 1; k < width; k++, i++) sum += input[i] * taps[k];
      out[n] = sum;
    }
    this.at += count * this.step;
    const keep = Math.min(input.length, Math.max(0, Math.floor(this.at) - this.half));
    this.input = input.slice(keep);
    this.at -= keep;
    return out;
  }
}

/**
 * The taps for each place between two samples, each set with a sum of 1.
 * @param {number} half
 * @param {number} cutoff of the input's half rate
 */
function kernel(half, cutoff) {
  return Array.from({ length: PHASES + 1 }, (_, phase) => {
    const taps = new Float32Array(2 * half);
    let sum = 0;
    for (let k = 0; k < taps.length; k++) {
      const x = k - half + 1 - phase / PHASES;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * cutoff) / (Math.PI * x * cutoff);
      const window = Math.abs(x) >= half ? 0 : 0.42 + 0.5 * Math.cos((Math.PI * x) / half) + 0.08 * Math.cos((2 * Math.PI * x) / half);
      taps[k] = sinc * window;
      sum += taps[k];
    }
    return taps.map((t) => t / sum);
  });
}

/**
 * Samples from -1 to 1 as 16 bit little endian.
 * @param {Float32Array} samples
 */
export function toPCM16(samples) {
  const out = new Uint8Array(samples.length * 2);
  const view = new DataView(out.buffer);
  for (let i = 0; i < samples.length; i++) {
    view.setInt16(2 * i, Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767), true);
  }
  return out;
}

/**
 * 16 bit little endian as samples from -1 to 1; of more than one channel the first.
 * @param {Uint8Array} bytes
 * @param {number} [channels]
 */
export function fromPCM16(bytes, channels = 1) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(Math.floor(bytes.byteLength / 2 / channels));
  for (let i = 0; i < out.length; i++) out[i] = view.getInt16(2 * channels * i, true) / 32768;
  return out;
}
