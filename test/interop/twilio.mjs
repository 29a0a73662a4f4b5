// The vendor's library against the server: SERVER_URL, AUTH_TOKEN, ACCOUNT_SID; SIGNED is a list of
// {url, params, signature} that our own side of the network signed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import twilio from 'twilio';

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
  assert.ok(signed.length > 2);
  for (const { name, url, params, signature } of signed) {
    await t.test(name, () => {
      assert.equal(twilio.validateRequest(token, signature, url, params), true);
      assert.equal(twilio.validateRequest('another', signature, url, params), false);
      assert.equal(twilio.validateRequest(token, signature, `${url}x`, params), false);
    });
  }
});
