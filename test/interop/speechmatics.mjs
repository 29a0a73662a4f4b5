// The vendor's library against the sandbox: SPEECHMATICS_API_KEY, SPEECHMATICS_RT_URL, CASES, and SOUND_DIR, in which
// the sound of each case that has words lies as NAME.raw.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RealtimeClient } from '@speechmatics/real-time-client';
import { all, doc, fill, hasShape, the } from './cases.mjs';

const { SPEECHMATICS_API_KEY: key, SPEECHMATICS_RT_URL: url, SOUND_DIR: sounds } = process.env;
const patience = 20_000;

const recogniser = () => {
  const client = new RealtimeClient({ url, connectionTimeout: patience });
  const heard = [];
  client.addEventListener('receiveMessage', ({ data }) => heard.push(data));
  const until = (what, enough) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what}; heard ${JSON.stringify(heard.slice(-5))}`)), patience);
    const look = () => {
      if (!heard.some(enough)) return;
      clearTimeout(timer);
      client.removeEventListener('receiveMessage', look);
      resolve();
    };
    client.addEventListener('receiveMessage', look);
    look();
  });
  return { client, heard, until };
};

// words joins results as the vendor's documentation says: marks attach to the word before.
const words = (finals) => finals.flatMap((f) => f.results).reduce(
  (text, r) => text + (text && r.attaches_to !== 'previous' ? ' ' : '') + r.alternatives[0].content, '',
);

// moves are the parts of a case's script.
const moves = (name) => {
  const { script } = the(name).steps[0].socket;
  const { message, ...config } = fill(script.find((m) => m.send?.message === 'StartRecognition').send);
  const shape = (kind) => script.find((m) => m.receive?.kind === kind).receive.json;
  return { config, shape, sound: script.find((m) => m.sound)?.sound };
};

const hears = async (name) => {
  const { config, shape, sound } = moves(name);
  const { words: sentence, frame_ms, rate, encoding } = sound;
  const { client, heard, until } = recogniser();
  const started = await client.start(key, config);
  assert.equal(started.message, 'RecognitionStarted');
  assert.ok(started.id);
  hasShape(shape('RecognitionStarted'), started);
  const all = readFileSync(join(sounds, `${name}.raw`));
  const frame = (frame_ms * rate / 1000) * (encoding === 'mulaw' ? 1 : 2);
  let frames = 0;
  for (let at = 0; at < all.length; at += frame, frames += 1) client.sendAudio(all.subarray(at, at + frame));
  await until('EndOfUtterance', (m) => m.message === 'EndOfUtterance');
  await until('last AudioAdded', (m) => m.message === 'AudioAdded' && m.seq_no === frames);
  await client.stopRecognition();

  const named = (name) => heard.filter((m) => m.message === name);
  assert.deepEqual(named('Error'), []);
  assert.deepEqual(named('Warning'), []);
  assert.deepEqual(named('AudioAdded').map((m) => m.seq_no), Array.from({ length: frames }, (_, i) => i + 1));
  const partials = named('AddPartialTranscript').map((m) => m.metadata.transcript.trim()).filter(Boolean);
  assert.ok(partials.length > 2, `${partials.length} partials`);
  assert.ok(partials[0].length < sentence.length && sentence.startsWith(partials[0]), partials[0]);
  const finals = named('AddTranscript');
  for (const m of finals) hasShape(shape('AddTranscript'), m);
  for (const m of named('AddPartialTranscript')) hasShape(shape('AddPartialTranscript'), m);
  assert.equal(finals.map((m) => m.metadata.transcript).join('').trim(), sentence);
  assert.equal(words(finals), sentence);
  for (const r of finals.flatMap((f) => f.results)) {
    assert.ok(r.start_time <= r.end_time && r.alternatives[0].confidence > 0.8, JSON.stringify(r));
  }
  assert.equal(named('EndOfUtterance').length, 1);
  const order = heard.map((m) => m.message);
  assert.ok(order.indexOf('EndOfUtterance') > order.lastIndexOf('AddTranscript'), 'finals come before the end of the utterance');
  assert.equal(order.at(-1), 'EndOfTranscript');
};

test('16-bit PCM at 16 kHz', () => {
  assert.deepEqual(moves('words-pcm').config.audio_format, { type: 'raw', encoding: 'pcm_s16le', sample_rate: 16000 });
  return hears('words-pcm');
});

test('mu-law at 8 kHz, as the telephone has it', () => {
  assert.deepEqual(moves('words-mulaw').config.audio_format, { type: 'raw', encoding: 'mulaw', sample_rate: 8000 });
  return hears('words-mulaw');
});

test('a bad key', async () => {
  const { status, script } = the('key-bad').steps[0].socket;
  assert.ok(status.includes(401));
  const [, said] = script.find((m) => m.receive).receive.json.type[0].split('= ');
  const { client, heard } = recogniser();
  await assert.rejects(client.start('bad-key', { transcription_config: { language: doc.vars.language } }), (e) => {
    assert.match(e.message ?? e.type, /401|not_authorised/);
    assert.equal(said, 'not_authorised');
    return true;
  });
  assert.ok(!heard.some((m) => m.message === 'RecognitionStarted'));
});

test('a language that does not exist', async () => {
  const { config, shape } = moves('language-unknown');
  const { client, heard } = recogniser();
  await assert.rejects(client.start(key, config), /invalid_language/);
  hasShape(shape('Error'), heard.find((m) => m.message === 'Error'));
});

all();
