// The vendor's library against the sandbox: OPENAI_API_KEY, OPENAI_BASE_URL, SANDBOX_URL.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });
const model = 'gpt-4.1-mini';
const ask = { role: 'user', content: 'What transactions does client 5001 have?' };
const tools = [{
  type: 'function',
  function: {
    name: 'query_transactions',
    description: 'Transactions of a client',
    parameters: { type: 'object', properties: { clientId: { type: 'string' } }, required: ['clientId'] },
  },
}];
// Numbers that occur nowhere else: only one who reads the result can name them.
const result = {
  success: true, clientId: '5001', count: 2, total: 731.4, currency: 'USD',
  transactions: [
    { id: 't1', date: '2026-01-02', type: 'purchase', status: 'completed', amount: 700.15, currency: 'USD', description: 'Lamps' },
    { id: 't2', date: '2026-01-03', type: 'purchase', status: 'completed', amount: 31.25, currency: 'USD', description: 'Bulbs' },
  ],
};
const statesTheResult = (text) => {
  assert.match(text, /\b(two|2)\b/i, text);
  assert.match(text, /731[.,]4/, text);
};

test('models: list and retrieve', async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model), ids.join());
  const one = await client.models.retrieve(model);
  assert.equal(one.id, model);
  assert.equal(one.object, 'model');
});

test('stream: the fragments of a call assemble, and the second round states the result', async () => {
  const first = client.chat.completions.stream({ model, messages: [ask], tools, stream_options: { include_usage: true } });
  let fragments = 0;
  let usages = 0;
  first.on('chunk', (chunk) => {
    fragments += chunk.choices[0]?.delta.tool_calls?.length ?? 0;
    assert.ok('usage' in chunk, 'null in every chunk but the last, once it was asked for');
    if (chunk.usage) {
      usages += 1;
      assert.deepEqual(chunk.choices, [], 'usage comes in a chunk of its own');
    }
  });
  const done = await first.finalChatCompletion();
  const { message, finish_reason } = done.choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.tool_calls.length, 1);
  const call = message.tool_calls[0];
  assert.match(call.id, /^call_/);
  assert.equal(call.function.name, 'query_transactions');
  assert.deepEqual(JSON.parse(call.function.arguments), { clientId: '5001' });
  assert.ok(fragments > 2, `${fragments} fragments`);
  assert.equal(usages, 1);
  assert.equal(done.usage.total_tokens, done.usage.prompt_tokens + done.usage.completion_tokens);

  const second = client.chat.completions.stream({
    model, tools, messages: [ask, message, { role: 'tool', tool_call_id: call.id, content: JSON.stringify(result) }],
  });
  let pieces = 0;
  second.on('content', () => { pieces += 1; });
  statesTheResult(await second.finalContent());
  assert.ok(pieces > 3, `${pieces} pieces`);
  assert.equal((await second.finalChatCompletion()).choices[0].finish_reason, 'stop');
});

test('runTools: the library goes the whole way by itself', async () => {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model,
    stream: true,
    messages: [ask],
    tools: [{
      type: 'function',
      function: { ...tools[0].function, parse: JSON.parse, function: (args) => { asked.push(args); return result; } },
    }],
  });
  statesTheResult(await runner.finalContent());
  assert.deepEqual(asked, [{ clientId: '5001' }]);
});

test('without a stream', async () => {
  const { data, response } = await client.chat.completions.create({ model, messages: [ask], tools }).withResponse();
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.choices[0].message.tool_calls[0].function.name, 'query_transactions');
  assert.ok(data.usage.completion_tokens > 0);
  assert.match(response.headers.get('x-request-id'), /^req_/);
});

test('errors are of the class that the library has for them', async (t) => {
  const fails = (promise, kind, want) => assert.rejects(promise, (e) => {
    assert.ok(e instanceof kind, `${e.constructor.name}: ${e.message}`);
    for (const [field, value] of Object.entries(want)) assert.equal(e[field], value, field);
    assert.match(e.requestID, /^req_/);
    return true;
  });
  await t.test('bad key', () => fails(
    new OpenAI({ apiKey: 'bad-key', maxRetries: 0 }).models.list(), OpenAI.AuthenticationError, { status: 401, code: 'invalid_api_key' },
  ));
  await t.test('missing model', () => fails(
    client.chat.completions.create({ model: 'no-such-model', messages: [ask] }), OpenAI.NotFoundError, { status: 404, code: 'model_not_found' },
  ));
  await t.test('missing model, retrieved', () => fails(
    client.models.retrieve('no-such-model'), OpenAI.NotFoundError, { status: 404, code: 'model_not_found' },
  ));
  await t.test('unanswered tool call', () => fails(
    client.chat.completions.create({
      model, tools, messages: [ask, {
        role: 'assistant', content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'query_transactions', arguments: '{"clientId":"5001"}' } }],
      }, { role: 'user', content: 'Well?' }],
    }), OpenAI.BadRequestError, { status: 400, type: 'invalid_request_error' },
  ));
  await t.test('rate limit, injected', async () => {
    const set = await fetch(`${process.env.SANDBOX_URL}/_sandbox/faults`, {
      method: 'POST', body: JSON.stringify({ vendor: 'openai', route: '/v1/chat', mode: 'status', status: 429, count: 1 }),
    });
    assert.equal(set.status, 201, await set.text());
    await fails(
      client.chat.completions.create({ model, messages: [ask], stream: true }), OpenAI.RateLimitError, { status: 429, code: 'rate_limit_exceeded' },
    );
    await client.chat.completions.create({ model, messages: [ask] }); // and it is over
  });
});
