// The vendor's library against the sandbox: SPEECHMATICS_API_KEY, SPEECHMATICS_RT_URL, and what was said:
// SENTENCE, as sound in PCM_FILE (16 bits, 16 kHz) and MULAW_FILE (8 kHz).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RealtimeClient } from '@speechmatics/real-time-client';

const { SPEECHMATICS_API_KEY: key, SPEECHMATICS_RT_URL: url, SENTENCE: sentence } = process.env;
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

const hears = async (audio_format, sound, silence) => {
  const { client, heard, until } = recogniser();
  const started = await client.start(key, {
    audio_format,
    transcription_config: {
      language: 'en', enable_partials: true, max_delay: 1, conversation_config: { end_of_utterance_silence_trigger: 0.5 },
    },
  });
  assert.equal(started.message, 'RecognitionStarted');
  assert.ok(started.id);
  const all = Buffer.concat([silence, sound, silence, silence, silence, silence]);
  const frame = silence.length / 5; // a frame is 50 ms, silence a quarter of a second
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

test('16-bit PCM at 16 kHz', () => hears(
  { type: 'raw', encoding: 'pcm_s16le', sample_rate: 16000 }, readFileSync(process.env.PCM_FILE), Buffer.alloc(8000),
));

test('mu-law at 8 kHz, as the telephone has it', () => hears(
  { type: 'raw', encoding: 'mulaw', sample_rate: 8000 }, readFileSync(process.env.MULAW_FILE), Buffer.alloc(2000, 0xff),
));

test('a bad key', async () => {
  const { client, heard } = recogniser();
  await assert.rejects(client.start('bad-key', { transcription_config: { language: 'en' } }), (e) => {
    assert.match(e.message ?? e.type, /401|not_authorised/);
    return true;
  });
  assert.ok(!heard.some((m) => m.message === 'RecognitionStarted'));
});

test('a language that does not exist', async () => {
  const { client } = recogniser();
  await assert.rejects(client.start(key, {
    audio_format: { type: 'raw', encoding: 'pcm_s16le', sample_rate: 16000 }, transcription_config: { language: 'nonsense' },
  }), /invalid_language/);
});
