/** Sample phrases as sound: a WAV from the server, sent in real time as if it came from the microphone. */

import { Resampler, fromPCM16 } from './resample.js';
import { Trouble } from './trouble.js';

const RATE = 16000;
const FRAME = RATE / 50;
const TAIL = 50; // frames of silence after the words, so that their end is heard

/**
 * Fetches the sound of a phrase. Throws a Trouble.
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Float32Array>} 16 kHz
 */
export async function fetchPhrase(text, signal) {
  const url = new URL('./phrase.wav', import.meta.url);
  url.searchParams.set('text', text);
  const answer = await fetch(url, { signal });
  if (!answer.ok) {
    throw new Trouble(`The server has no sound for this phrase (${answer.status}).`, 'Type it in place of that.');
  }
  const { samples, rate } = parseWAV(await answer.arrayBuffer());
  if (rate === RATE) return samples;
  const resampler = new Resampler(rate, RATE);
  const body = resampler.push(samples);
  const rest = resampler.push(new Float32Array(Math.ceil(rate / 50)));
  const out = new Float32Array(body.length + rest.length);
  out.set(body);
  out.set(rest, body.length);
  return out;
}

/**
 * Reads 16 bit PCM out of a WAV file; of more than one channel the first. Throws a Trouble.
 * @param {ArrayBuffer} buffer
 */
export function parseWAV(buffer) {
  const bad = (/** @type {string} */ why) => new Trouble(`The phrase's sound cannot be read: ${why}.`, 'Type it in place of that.');
  const view = new DataView(buffer);
  const word = (/** @type {number} */ at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || word(0) !== 'RIFF' || word(8) !== 'WAVE') throw bad('not a WAV file');
  let rate = 0;
  let channels = 0;
  for (let at = 12; at + 8 <= buffer.byteLength;) {
    const name = word(at);
    const size = Math.min(view.getUint32(at + 4, true), buffer.byteLength - at - 8);
    if (name === 'fmt ' && size >= 16) {
      channels = view.getUint16(at + 10, true);
      rate = view.getUint32(at + 12, true);
      if (view.getUint16(at + 22, true) !== 16 || channels < 1) throw bad('not 16 bit PCM');
    }
    if (name === 'data' && rate > 0) {
      return { rate, samples: fromPCM16(new Uint8Array(buffer, at + 8, size), channels) };
    }
    at += 8 + size + (size % 2);
  }
  throw bad('no sound in it');
}

/**
 * Gives the samples and a second of silence to send, 20 ms at a time and in real time.
 * @param {Float32Array} samples 16 kHz; may be empty
 * @param {(frame: Float32Array) => void} send
 * @param {AbortSignal} signal
 * @returns {Promise<void>} resolves when all is sent, or when signal stops it
 */
export function stream(samples, send, signal) {
  const total = Math.ceil(samples.length / FRAME) + TAIL;
  const began = performance.now();
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      // Timers are late: what is due by the clock goes out, so that the sound keeps its pace.
      const due = Math.min(total, Math.floor((performance.now() - began) / 20) + 1);
      while (sent < due && !signal.aborted) {
        const frame = new Float32Array(FRAME);
        frame.set(samples.subarray(sent * FRAME, (sent + 1) * FRAME));
        send(frame);
        sent++;
      }
      if (sent < total && !signal.aborted) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
}
