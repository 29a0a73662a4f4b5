// The vendor's library against the sandbox, over TLS: CARTESIA_API_KEY, CARTESIA_BASE_URL, CASES. It says the
// sentence of the cases three ways and leaves the sound in OUT_DIR for the test to read back.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { all, doc, fill, hasShape, inOrder, the } from './cases.mjs';

// Not import: version 3.5.0 finds ws by require, which its own ES modules do not have.
const require = createRequire(import.meta.url);
const Cartesia = require('@cartesia/cartesia-js').default;
const { TTSWS } = require('@cartesia/cartesia-js/resources/tts/ws');

const { CARTESIA_API_KEY: apiKey, OUT_DIR: out } = process.env;
const sentence = doc.vars.first + doc.vars.second;
const client = new Cartesia({ apiKey, maxRetries: 0, timeout: 20_000 });
const raw = (sample_rate) => ({ container: 'raw', encoding: 'pcm_s16le', sample_rate });
const voices = [];
for await (const voice of client.voices.list({ limit: 4 })) voices.push(voice);
const voice = { mode: 'id', id: voices[0].id };
const model_id = doc.vars.model;
// asked is what the last step of a case asks, in this voice.
const asked = (name) => fill(the(name).steps.at(-1).request.json, { voice: voice.id });
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
  const { steps: [page, behind] } = the('voices-page');
  assert.equal(page.request.path, '/voices?limit=4');
  const first = await client.voices.list({ limit: 4 });
  hasShape(page.expect.json, { data: first.data, has_more: first.hasNextPage() });
  const next = await client.voices.list({ limit: 1, starting_after: first.data.at(-1).id });
  hasShape(behind.expect.json, { data: next.data, has_more: next.hasNextPage() }, { last: first.data.at(-1).id });
  assert.equal(first.data.length, 4);
  assert.equal(first.hasNextPage(), true);
  const one = await client.voices.get(voices[0].id);
  hasShape(the('voice-one').steps.at(-1).expect.json, one, { voice: voices[0].id });
  assert.equal(one.name, voices[0].name);
});

test('bytes: a wav file', async () => {
  const request = asked('bytes-wav');
  assert.deepEqual(request.output_format, { container: 'wav', encoding: 'pcm_s16le', sample_rate: 44100 });
  assert.equal(request.transcript, sentence);
  const answer = await client.tts.generate(request);
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
  const request = asked('events');
  assert.deepEqual(request.output_format, raw(16000));
  const stream = await client.tts.generateSSE(request);
  const events = [];
  for await (const event of stream) events.push(event);
  inOrder(the('events').steps.at(-1).expect.events, events);
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
    const { script } = the('socket-pieces').steps.at(-1).socket;
    const sent = fill(script.filter((m) => m.send), { voice: voice.id }).map((m) => m.send);
    const { model_id: model, voice: speaker, output_format, add_timestamps } = sent[0];
    assert.deepEqual(output_format, raw(24000));
    const context = socket.context({ model_id: model, voice: speaker, output_format, add_timestamps });
    for (const { transcript } of sent) await context.push({ transcript });
    await context.no_more_inputs();
    const events = [];
    for await (const event of context.receive({ timeout: 20_000 })) events.push(event);
    // The name of the context is the library's own, and each chunk holds its sound decoded, too.
    inOrder(script.filter((m) => m.receive).map(({ receive: { json, ...rest } }) => ({ ...rest, json: { ...json, context_id: [`= ${context.contextId}`] } })), events);
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
  const ask = asked('events');
  const problem = the('key-bad').steps[0].expect;
  assert.equal(problem.class, 'authentication');
  await t.test('bad key', () => assert.rejects(bad.tts.generate(ask), (e) => {
    assert.ok(e instanceof Cartesia.AuthenticationError, `${e.constructor.name}: ${e.message}`);
    assert.equal(e.status, 401);
    return true;
  }));
  await t.test('bad key, in the shape of the newest version', () => assert.rejects(
    bad.tts.generate(ask, { headers: { 'cartesia-version': '2026-03-01' } }), (e) => {
      assert.ok(e instanceof Cartesia.AuthenticationError);
      assert.equal(e.error.title, 'Unauthorized');
      hasShape(problem.json, e.error);
      assert.ok(e.error.message && e.error.request_id && 'error_code' in e.error, JSON.stringify(e.error));
      return true;
    },
  ));
  await t.test('bad key on the socket', async () => {
    assert.deepEqual(the('socket-key-bad').steps[0].socket.status, [401]);
    const socket = new TTSWS(bad); // as tts.websocket() makes it, but open to a listener before it fails
    const told = new Promise((resolve) => { socket.on('error', resolve); });
    await assert.rejects(socket.connect(), (e) => /401/.test(e.message));
    assert.match((await told).message, /401/);
  });
  const classes = { not_found: Cartesia.NotFoundError, bad_request: Cartesia.BadRequestError };
  const refused = (name, say) => assert.rejects(say(asked(name), { headers: { 'cartesia-version': '2026-03-01' } }), (e) => {
    const { expect } = the(name).steps.at(-1);
    assert.ok(e instanceof classes[expect.class], `${e.constructor.name}: ${e.message}`);
    hasShape(expect.json, e.error);
    return true;
  });
  await t.test('missing model', () => assert.rejects(client.tts.generate(asked('model-missing')), Cartesia.NotFoundError));
  await t.test('missing model, in the shape of the newest version', () => refused('model-missing', (...a) => client.tts.generate(...a)));
  await t.test('no transcript', () => assert.rejects(client.tts.generateSSE(asked('transcript-empty')), Cartesia.BadRequestError));
  await t.test('no transcript, in the shape of the newest version', () => refused('transcript-empty', (...a) => client.tts.generateSSE(...a)));
  await t.test('missing model on the socket', async () => {
    const socket = await client.tts.websocket();
    try {
      socket.on('error', () => {}); // the library tells it twice
      const { script } = the('socket-model-missing').steps.at(-1).socket;
      const { context_id, ...request } = fill(script[0].send, { voice: voice.id });
      const events = socket.generate(request);
      await assert.rejects(async () => { for await (const e of events) assert.equal(e.type, 'error'); }, /no such model|not found/i);
    } finally {
      socket.close();
    }
  });
});

all();
