/**
 * The wire: one protobuf `Frame` in one binary message.
 *
 *   Frame        { oneof: 1 text | 2 audio | 3 transcription | 4 message | 5 interruption }
 *   AudioRawFrame{ 1 id, 2 name, 3 audio, 4 sample_rate, 5 num_channels }
 *   MessageFrame { 1 data }            the RTVI JSON
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const AUDIO = 2;
const MESSAGE = 4;

/**
 * @typedef {{kind: 'audio', audio: Uint8Array, rate: number, channels: number}
 *         | {kind: 'message', data: string}
 *         | {kind: 'other', field: number}} Frame
 */

/** Collects the bytes of one message. */
class Writer {
  constructor() {
    /** @type {number[]} */
    this.head = [];
    /** @type {Uint8Array[]} */
    this.parts = [];
    this.size = 0;
  }

  /** @param {number} n a whole number from 0 to 2^53 */
  varint(n) {
    while (n > 127) {
      this.head.push((n % 128) | 128);
      n = Math.floor(n / 128);
    }
    this.head.push(n);
  }

  /** @param {number} field @param {number} n */
  number(field, n) {
    this.varint(field * 8 + VARINT);
    this.varint(n);
  }

  /** @param {number} field @param {Uint8Array} bytes */
  bytes(field, bytes) {
    this.varint(field * 8 + BYTES);
    this.varint(bytes.length);
    this.flush();
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  flush() {
    this.parts.push(Uint8Array.from(this.head));
    this.size += this.head.length;
    this.head = [];
  }

  /** @returns {Uint8Array} */
  finish() {
    this.flush();
    const out = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

/** @param {number} field @param {Writer} inner */
function wrap(field, inner) {
  const frame = new Writer();
  frame.bytes(field, inner.finish());
  return frame.finish();
}

/**
 * Encodes sound.
 * @param {Uint8Array} audio 16 bit little endian samples
 * @param {number} rate samples a second
 * @param {number} id
 */
export function encodeAudio(audio, rate, id) {
  const w = new Writer();
  w.number(1, id);
  w.bytes(2, new TextEncoder().encode('mic'));
  w.bytes(3, audio);
  w.number(4, rate);
  w.number(5, 1);
  return wrap(AUDIO, w);
}

/**
 * Encodes an RTVI message.
 * @param {object} message
 */
export function encodeMessage(message) {
  const w = new Writer();
  w.bytes(1, new TextEncoder().encode(JSON.stringify(message)));
  return wrap(MESSAGE, w);
}

/**
 * Walks the fields of a message. Throws RangeError when it is cut short.
 * @param {Uint8Array} b
 * @param {(field: number, value: number|Uint8Array) => void} visit
 */
function walk(b, visit) {
  let at = 0;
  const varint = () => {
    let n = 0;
    for (let scale = 1, i = 0; i < 10; i++, scale *= 128) {
      if (at >= b.length) throw new RangeError('frame cut short');
      const byte = b[at++];
      n += (byte & 127) * scale;
      if (byte < 128) return n;
    }
    throw new RangeError('number too long');
  };
  const take = (/** @type {number} */ n) => {
    if (n > b.length - at) throw new RangeError('frame cut short');
    at += n;
    return b.subarray(at - n, at);
  };
  while (at < b.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT: visit(field, varint()); break;
      case BYTES: visit(field, take(varint())); break;
      case FIXED64: take(8); break;
      case FIXED32: take(4); break;
      default: throw new RangeError('unknown wire type');
    }
  }
}

/**
 * Decodes one frame; null when it holds nothing. Throws RangeError on bytes that are no frame.
 * @param {ArrayBuffer} buffer
 * @returns {Frame|null}
 */
export function decode(buffer) {
  /** @type {Frame|null} */
  let frame = null;
  walk(new Uint8Array(buffer), (field, body) => {
    if (!(body instanceof Uint8Array)) return;
    if (field === AUDIO) frame = decodeAudio(body);
    else if (field === MESSAGE) frame = decodeMessage(body);
    else frame = { kind: 'other', field };
  });
  return frame;
}

/** @param {Uint8Array} body @returns {Frame} */
function decodeAudio(body) {
  /** @type {Extract<Frame, {kind: 'audio'}>} */
  const out = { kind: 'audio', audio: new Uint8Array(0), rate: 24000, channels: 1 };
  walk(body, (field, value) => {
    if (field === 3 && value instanceof Uint8Array) out.audio = value;
    if (field === 4 && typeof value === 'number' && value > 0) out.rate = value;
    if (field === 5 && typeof value === 'number' && value > 0) out.channels = value;
  });
  return out;
}

/** @param {Uint8Array} body @returns {Frame} */
function decodeMessage(body) {
  let data = '';
  walk(body, (field, value) => {
    if (field === 1 && value instanceof Uint8Array) data = new TextDecoder().decode(value);
  });
  return { kind: 'message', data };
}
