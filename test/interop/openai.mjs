// The vendor's library against the sandbox: OPENAI_API_KEY, OPENAI_BASE_URL, SANDBOX_URL, CASES.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { all, doc, fill, hasShape, inOrder, the } from './cases.mjs';

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });
const { model } = doc.vars;
const body = (step, vars) => fill(step.request.json, vars);
const statesTheResult = (text) => {
  assert.match(text, /\b(two|2)\b/i, text);
  assert.match(text, /731[.,]4/, text);
};

test('models: list and retrieve', async () => {
  const { data, response } = await client.models.list().withResponse();
  hasShape(the('models-list').steps[0].expect.json, { object: data.object, data: data.data });
  assert.match(response.headers.get('x-request-id'), /^req_/);
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model), ids.join());
  const one = await client.models.retrieve(model);
  hasShape(the('model-retrieve').steps[0].expect.json, one);
  assert.equal(one.id, model);
  assert.equal(one.object, 'model');
});

test('stream: the fragments of a call assemble, and the second round states the result', async () => {
  const { steps: [ask, tell] } = the('chat-stream-call');
  const first = client.chat.completions.stream(body(ask));
  const chunks = [];
  let fragments = 0;
  let usages = 0;
  first.on('chunk', (chunk) => {
    chunks.push(structuredClone(chunk));
    fragments += chunk.choices[0]?.delta.tool_calls?.length ?? 0;
    assert.ok('usage' in chunk, 'null in every chunk but the last, once it was asked for');
    if (chunk.usage) {
      usages += 1;
      assert.deepEqual(chunk.choices, [], 'usage comes in a chunk of its own');
    }
  });
  const done = await first.finalChatCompletion();
  inOrder(ask.expect.events, chunks);
  const { message, finish_reason } = done.choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.tool_calls.length, 1);
  const call = message.tool_calls[0];
  assert.match(call.id, /^call_/);
  assert.equal(call.function.name, 'query_transactions');
  hasShape(ask.expect.whole.joined[0].json, JSON.parse(call.function.arguments));
  assert.deepEqual(JSON.parse(call.function.arguments), { clientId: '5001' });
  assert.ok(fragments > 2, `${fragments} fragments`);
  assert.equal(usages, 1);
  assert.equal(done.usage.total_tokens, done.usage.prompt_tokens + done.usage.completion_tokens);

  const request = body(tell, { call: call.id });
  request.messages[1] = message; // as the library assembled it
  const second = client.chat.completions.stream(request);
  const told = [];
  let pieces = 0;
  second.on('chunk', (chunk) => told.push(structuredClone(chunk)));
  second.on('content', () => { pieces += 1; });
  const text = await second.finalContent();
  inOrder(tell.expect.events, told);
  for (const rule of tell.expect.whole.joined[0].text) hasShape({ text: rule }, { text });
  statesTheResult(text);
  assert.ok(pieces > 3, `${pieces} pieces`);
  assert.equal((await second.finalChatCompletion()).choices[0].finish_reason, 'stop');
});

test('runTools: the library goes the whole way by itself', async () => {
  const { steps: [ask, tell] } = the('chat-stream-call');
  const { messages, tools } = body(ask);
  const result = JSON.parse(tell.request.json.messages.find((m) => m.role === 'tool').content);
  const asked = [];
  const runner = client.chat.completions.runTools({
    model,
    stream: true,
    messages,
    tools: [{
      type: 'function',
      function: { ...tools[0].function, parse: JSON.parse, function: (args) => { asked.push(args); return result; } },
    }],
  });
  statesTheResult(await runner.finalContent());
  assert.deepEqual(asked, [{ clientId: '5001' }]);
});

test('without a stream', async () => {
  const { steps: [ask] } = the('chat-whole-call');
  const { data, response } = await client.chat.completions.create(body(ask)).withResponse();
  hasShape(ask.expect.json, data);
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.choices[0].message.tool_calls[0].function.name, 'query_transactions');
  assert.ok(data.usage.completion_tokens > 0);
  assert.match(response.headers.get('x-request-id'), /^req_/);
});

test('errors are of the class that the library has for them', async (t) => {
  const classes = {
    authentication: OpenAI.AuthenticationError, not_found: OpenAI.NotFoundError, bad_request: OpenAI.BadRequestError, rate_limit: OpenAI.RateLimitError,
  };
  const fails = (promise, kind, want, shape) => assert.rejects(promise, (e) => {
    assert.ok(e instanceof classes[kind], `${e.constructor.name}: ${e.message}`);
    for (const [field, value] of Object.entries(want)) assert.equal(e[field], value, field);
    assert.match(e.requestID, /^req_/);
    if (shape) hasShape(shape, { error: e.error });
    return true;
  });
  const refused = (name, promise, want) => {
    const { expect } = the(name).steps[0];
    assert.ok(expect.status.includes(want.status), `${expect.status}`);
    return fails(promise, expect.class, want, expect.json);
  };
  const ask = (name) => client.chat.completions.create(body(the(name).steps[0]));
  await t.test('bad key', () => refused(
    'key-bad', new OpenAI({ apiKey: 'bad-key', maxRetries: 0 }).models.list(), { status: 401, code: 'invalid_api_key' },
  ));
  await t.test('missing model', () => refused('chat-model-missing', ask('chat-model-missing'), { status: 404, code: 'model_not_found' }));
  await t.test('missing model, retrieved', () => refused(
    'model-missing', client.models.retrieve('no-such-model'), { status: 404, code: 'model_not_found' },
  ));
  await t.test('unanswered tool call', () => refused(
    'chat-call-unanswered', ask('chat-call-unanswered'), { status: 400, type: 'invalid_request_error' },
  ));
  await t.test('rate limit, injected', async () => {
    const set = await fetch(`${process.env.SANDBOX_URL}/_sandbox/faults`, {
      method: 'POST', body: JSON.stringify({ vendor: 'openai', route: '/v1/chat', mode: 'status', status: 429, count: 1 }),
    });
    assert.equal(set.status, 201, await set.text());
    const { messages } = body(the('chat-whole-call').steps[0]);
    await fails(client.chat.completions.create({ model, messages, stream: true }), 'rate_limit', { status: 429, code: 'rate_limit_exceeded' });
    await client.chat.completions.create({ model, messages }); // and it is over
  });
});

all();
