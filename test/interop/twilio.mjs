// The vendor's library against the server: SERVER_URL, AUTH_TOKEN, ACCOUNT_SID. SIGNED is a list of {url, params, body,
// token, signature} that our own side of the network signed, published vectors among them; BUILT is documents that
// our own builder wrote.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import twilio from 'twilio';
import { WebSocket } from 'ws';
import { faults } from './twiml.mjs';

const { SERVER_URL: server, AUTH_TOKEN: token, ACCOUNT_SID: account } = process.env;
const form = (n) => ({
  CallSid: `CA${String(n).padStart(32, '0')}`, AccountSid: account, From: '+15550100001', To: '+15550100002', CallStatus: 'ringing',
  Direction: 'inbound', CallerName: 'Zoë & Søn, 100%', Empty: '',
});
const post = (path, params, signature) => fetch(server + path, {
  method: 'POST', body: new URLSearchParams(params), headers: signature ? { 'X-Twilio-Signature': signature } : {},
});
const sign = (path, params, key = token) => twilio.getExpectedTwilioSignature(key, server + path, params);
// plain leaves of a document what differs when the meaning does: <a></a> is <a/>.
const plain = (doc) => doc.replace(/^<\?xml[^>]*\?>/, '').replace(/>\s+</g, '><').replace(/<([A-Za-z]+)([^<>]*)><\/\1>/g, '<$1$2/>').trim();

test('what the library signs is let in, and the TwiML is what its own builder makes', async () => {
  const params = form(1);
  const answer = await post('/twilio/voice', params, sign('/twilio/voice', params));
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get('content-type'), /^text\/xml/);
  const [, url] = /<Stream url="([^"]+)"/.exec(text) ?? [];
  const [, name, value] = /<Parameter name="([^"]+)" value="([^"]+)"/.exec(text) ?? [];
  assert.ok(url && name && value, text);
  assert.equal(url, `${server.replace(/^http/, 'ws')}/twilio/media`);
  assert.equal(new URL(url).search, '', 'the network drops a query');

  const response = new twilio.twiml.VoiceResponse();
  response.connect().stream({ url }).parameter({ name, value });
  response.hangup();
  assert.equal(plain(text), plain(response.toString())); // so it is well-formed, too
  assert.deepEqual(faults(text), []);
});

test('an upgrade that the library signs is let in', async (t) => {
  const url = `${server.replace(/^http/, 'ws')}/twilio/media`;
  const open = (signature) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers: signature ? { 'x-twilio-signature': signature } : {} });
    socket.on('open', () => { socket.terminate(); resolve(101); });
    socket.on('unexpected-response', (_, answer) => { answer.resume(); resolve(answer.statusCode); });
    socket.on('error', reject);
  });
  const expected = (key, at) => twilio.getExpectedTwilioSignature(key, at, {});
  await t.test('signed', async () => assert.equal(await open(expected(token, url)), 101));
  await t.test('not signed', async () => assert.equal(await open(''), 401));
  await t.test('another token', async () => assert.equal(await open(expected('another', url)), 403));
  await t.test('another path', async () => assert.equal(await open(expected(token, `${url}/x`)), 403));
  await t.test('the scheme of a page', async () => assert.equal(await open(expected(token, 'https://voice.example.com/twilio/media')), 403));
});

test('a path that stands for a query is signed with it', async () => {
  const params = form(2);
  const path = '/twilio/voice?agent=julia';
  const answer = await post(path, params, sign(path, params));
  assert.equal(answer.status, 200, await answer.text());
  assert.equal((await post(path, params, sign('/twilio/voice', params))).status, 403);
});

test('the apology is what its own builder makes', async () => {
  const params = form(3);
  const answer = await post('/twilio/fallback', params, sign('/twilio/fallback', params));
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const [, said] = /<Say>([^<]+)<\/Say>/.exec(text) ?? [];
  const response = new twilio.twiml.VoiceResponse();
  response.say(said);
  response.hangup();
  assert.equal(plain(text), plain(response.toString()));
  assert.deepEqual(faults(text), []);
});

test('our builder keeps to the schema of the library', async (t) => {
  const built = JSON.parse(process.env.BUILT);
  assert.ok(built.length > 5);
  for (const [i, doc] of built.entries()) await t.test(`document ${i + 1}`, () => assert.deepEqual(faults(doc), []));
  const wrong = {
    'a verb in small letters': '<Response><say>hi</say></Response>',
    'a value that is none': '<Response><Reject reason="bored"/></Response>',
    'an attribute that is none': '<Response><Hangup now="true"/></Response>',
    'a noun in a wrong place': '<Response><Parameter name="a" value="b"/></Response>',
    'a track that is none': '<Response><Connect><Stream url="wss://a/b" track="sideways"/></Connect></Response>',
    'a number in words': '<Response><Pause length="two"/></Response>',
    'text where none may be': '<Response><Connect>hello</Connect></Response>',
    'not closed': '<Response><Say>hi</Response>',
  };
  for (const [name, doc] of Object.entries(wrong)) await t.test(name, () => assert.equal(faults(doc).length > 0, true));
});

test('a wrong signature stays outside', async (t) => {
  const params = form(4);
  for (const [name, signature] of Object.entries({
    none: '', 'another token': sign('/twilio/voice', params, 'another'), 'another path': sign('/other', params),
    'other parameters': sign('/twilio/voice', { ...params, From: '+15550100009' }), 'no base64': '@@@',
  })) {
    await t.test(name, async () => {
      const answer = await post('/twilio/voice', params, signature);
      assert.equal(answer.status, 403, await answer.text());
    });
  }
});

test('the library accepts what our side of the network signs', async (t) => {
  const signed = JSON.parse(process.env.SIGNED);
  assert.ok(signed.length > 8);
  for (const { name, url, params, body, token: key, signature } of signed) {
    await t.test(name, () => {
      const takes = body
        ? (by, at, text = body) => twilio.validateRequestWithBody(by, signature, at, text)
        : (by, at) => twilio.validateRequest(by, signature, at, params);
      assert.equal(twilio.getExpectedTwilioSignature(key, url, params), signature);
      assert.equal(takes(key, url), true);
      assert.equal(takes('another', url), false);
      assert.equal(takes(key, `${url}x`), false);
      if (body) assert.equal(takes(key, url, `${body} `), false);
    });
  }
});
