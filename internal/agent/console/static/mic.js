/** The microphone, as 20 ms frames of 16 kHz sound. */

import { insecureTrouble, microphoneTrouble } from './trouble.js';

export class Mic {
  /**
   * @param {(frame: Float32Array) => void} onFrame 320 samples
   * @param {() => void} onLost the device went away
   */
  constructor(onFrame, onLost) {
    this.onFrame = onFrame;
    this.onLost = onLost;
    /** @type {MediaStream|null} */
    this.stream = null;
    /** @type {AudioContext|null} */
    this.context = null;
    this.muted = false;
  }

  get open() {
    return this.stream !== null;
  }

  /** Asks for the device. Throws a Trouble. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode !== 'function') throw insecureTrouble();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw microphoneTrouble(error);
    }
    try {
      await this.attach(stream);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      await this.stop();
      throw microphoneTrouble(error);
    }
  }

  /** @param {MediaStream} stream */
  async attach(stream) {
    // At the device's own rate: some browsers refuse to join a stream to a context of another rate.
    const context = new AudioContext({ latencyHint: 'interactive' });
    this.context = context;
    await context.audioWorklet.addModule(new URL('./mic-worklet.js', import.meta.url));
    const node = new AudioWorkletNode(context, 'mic', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
    node.port.onmessage = ({ data }) => {
      if (this.stream) this.onFrame(this.muted ? data.fill(0) : data);
    };
    context.createMediaStreamSource(stream).connect(node);
    await context.resume();
    stream.getAudioTracks()[0].onended = () => {
      void this.stop();
      this.onLost();
    };
    this.stream = stream;
  }

  async stop() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    const context = this.context;
    this.stream = null;
    this.context = null;
    this.muted = false;
    await context?.close();
  }
}

/**
 * How loud a frame is, from 0 to 100: -60 dB and below is 0, full scale is 100.
 * @param {Float32Array} frame
 */
export function level(frame) {
  let sum = 0;
  for (const s of frame) sum += s * s;
  const db = 10 * Math.log10(sum / frame.length + 1e-9);
  return Math.max(0, Math.min(100, Math.round(((db + 60) / 60) * 100)));
}
