// The vendor's library against the sandbox, over TLS: CARTESIA_API_KEY, CARTESIA_BASE_URL. It says SENTENCE
// three ways and leaves the sound in OUT_DIR for the test to read back.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

// Not import: version 3.5.0 finds ws by require, which its own ES modules do not have.
const require = createRequire(import.meta.url);
const Cartesia = require('@cartesia/cartesia-js').default;
const { TTSWS } = require('@cartesia/cartesia-js/resources/tts/ws');

const { CARTESIA_API_KEY: apiKey, SENTENCE: sentence, OUT_DIR: out } = process.env;
const client = new Cartesia({ apiKey, maxRetries: 0, timeout: 20_000 });
const raw = (sample_rate) => ({ container: 'raw', encoding: 'pcm_s16le', sample_rate });
const voices = [];
for await (const voice of client.voices.list({ limit: 4 })) voices.push(voice);
const voice = { mode: 'id', id: voices[0].id };
const model_id = 'sonic-3';
const bad = new Cartesia({ apiKey: 'bad-key', maxRetries: 0 });

// timed holds the word timestamps of one sentence together: all words, in order, none ends before it starts.
const timed = (events) => {
  const words = events.flatMap((e) => e.word_timestamps.words);
  const start = events.flatMap((e) => e.word_timestamps.start);
  const end = events.flatMap((e) => e.word_timestamps.end);
  assert.equal(words.join(' '), sentence);
  assert.ok(start.length === words.length && end.length === words.length);
  words.forEach((word, i) => {
    assert.ok(start[i] < end[i], word);
    assert.ok(i === 0 || start[i] >= end[i - 1] - 0.001, word);
  });
  return end.at(-1);
};

test('voices: paging ends, and no voice comes twice', async () => {
  assert.ok(voices.length > 8, `${voices.length} voices`);
  assert.equal(new Set(voices.map((v) => v.id)).size, voices.length);
  for (const v of voices) assert.ok(v.id && v.name && v.language, JSON.stringify(v));
  const first = await client.voices.list({ limit: 4 });
  assert.equal(first.data.length, 4);
  assert.equal(first.hasNextPage(), true);
  const one = await client.voices.get(voices[0].id);
  assert.equal(one.name, voices[0].name);
});

test('bytes: a wav file', async () => {
  const answer = await client.tts.generate({
    model_id, voice, transcript: sentence, output_format: { container: 'wav', encoding: 'pcm_s16le', sample_rate: 44100 },
  });
  assert.equal(answer.headers.get('content-type'), 'audio/wav');
  const file = Buffer.from(await answer.arrayBuffer());
  assert.equal(file.toString('latin1', 0, 4), 'RIFF');
  assert.equal(file.toString('latin1', 8, 16), 'WAVEfmt ');
  assert.equal(file.readUInt16LE(20), 1, 'PCM');
  assert.equal(file.readUInt16LE(22), 1, 'one channel');
  assert.equal(file.readUInt32LE(24), 44100);
  assert.equal(file.readUInt16LE(34), 16, 'bits');
  assert.ok(file.length > 44100, `${file.length} bytes`);
  writeFileSync(join(out, 'bytes.wav'), file);
});

test('server-sent events: chunks, timestamps, done', async () => {
  const stream = await client.tts.generateSSE({ model_id, voice, transcript: sentence, output_format: raw(16000), add_timestamps: true });
  const events = [];
  for await (const event of stream) events.push(event);
  const chunks = events.filter((e) => e.type === 'chunk');
  assert.ok(chunks.length > 1, `${chunks.length} chunks`);
  assert.equal(events.at(-1).type, 'done');
  assert.equal(events.filter((e) => e.type === 'done').length, 1);
  const sound = Buffer.concat(chunks.map((e) => Buffer.from(e.data, 'base64')));
  assert.ok(timed(events.filter((e) => e.type === 'timestamps')) <= sound.length / 2 / 16000 + 0.1);
  writeFileSync(join(out, 'sse.raw'), sound);
});

test('the socket: a context fed in pieces', async () => {
  const socket = await client.tts.websocket();
  try {
    const context = socket.context({ model_id, voice, output_format: raw(24000), add_timestamps: true });
    const cut = sentence.indexOf('. ') + 2;
    await context.push({ transcript: sentence.slice(0, cut) });
    await context.push({ transcript: sentence.slice(cut) });
    await context.no_more_inputs();
    const events = [];
    for await (const event of context.receive({ timeout: 20_000 })) events.push(event);
    assert.ok(events.every((e) => e.context_id === context.contextId));
    const chunks = events.filter((e) => e.type === 'chunk');
    assert.ok(chunks.length > 1, `${chunks.length} chunks`);
    assert.equal(events.at(-1).type, 'done');
    assert.equal(events.at(-1).done, true);
    timed(events.filter((e) => e.type === 'timestamps'));
    writeFileSync(join(out, 'socket.raw'), Buffer.concat(chunks.map((e) => Buffer.from(e.audio))));

    const words = []; // two contexts at once on the same socket do not mix
    const say = async (transcript) => {
      for await (const e of socket.generate({ model_id, voice, output_format: raw(8000), transcript, context_id: transcript, add_timestamps: true })) {
        if (e.type === 'timestamps') words.push(...e.word_timestamps.words.map((w) => [transcript, w]));
      }
    };
    await Promise.all([say('alpha'), say('omega')]);
    assert.deepEqual(words.toSorted(), [['alpha', 'alpha'], ['omega', 'omega']]);
  } finally {
    socket.close();
  }
});

test('errors', async (t) => {
  const ask = { model_id, voice, transcript: sentence, output_format: raw(16000) };
  await t.test('bad key', () => assert.rejects(bad.tts.generate(ask), (e) => {
    assert.ok(e instanceof Cartesia.AuthenticationError, `${e.constructor.name}: ${e.message}`);
    assert.equal(e.status, 401);
    return true;
  }));
  await t.test('bad key, in the shape of the newest version', () => assert.rejects(
    bad.tts.generate(ask, { headers: { 'cartesia-version': '2026-03-01' } }), (e) => {
      assert.ok(e instanceof Cartesia.AuthenticationError);
      assert.equal(e.error.title, 'Unauthorized');
      assert.ok(e.error.message && e.error.request_id && 'error_code' in e.error, JSON.stringify(e.error));
      return true;
    },
  ));
  await t.test('bad key on the socket', async () => {
    const socket = new TTSWS(bad); // as tts.websocket() makes it, but open to a listener before it fails
    const told = new Promise((resolve) => { socket.on('error', resolve); });
    await assert.rejects(socket.connect(), (e) => /401/.test(e.message));
    assert.match((await told).message, /401/);
  });
  await t.test('missing model', () => assert.rejects(client.tts.generate({ ...ask, model_id: 'no-such' }), Cartesia.NotFoundError));
  await t.test('no transcript', () => assert.rejects(client.tts.generateSSE({ ...ask, transcript: '' }), Cartesia.BadRequestError));
  await t.test('missing model on the socket', async () => {
    const socket = await client.tts.websocket();
    try {
      socket.on('error', () => {}); // the library tells it twice
      const events = socket.generate({ ...ask, model_id: 'no-such' });
      await assert.rejects(async () => { for await (const e of events) assert.equal(e.type, 'error'); }, /no such model|not found/i);
    } finally {
      socket.close();
    }
  });
});
