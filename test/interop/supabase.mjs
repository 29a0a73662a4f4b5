// The vendor's library against the sandbox: SUPABASE_URL, SUPABASE_ANON_KEY, CASES.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, FunctionsHttpError, FunctionsRelayError } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { all, fill, hasShape, the } from './cases.mjs';

const project = (key) => createClient(process.env.SUPABASE_URL, key, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: WebSocket }, // node 20 has none of its own
});
const client = project(process.env.SUPABASE_ANON_KEY);

// invoke calls the function of a case, and gives what is expected with the answer.
const invoke = async (name, by = client) => {
  const { request, expect } = the(name).steps[0];
  const path = fill(request.path);
  assert.ok(path.startsWith('/functions/v1/'), path);
  const { data, error } = await by.functions.invoke(path.slice('/functions/v1/'.length), { body: request.json });
  return { data, error, expect };
};
const refused = async ({ data, error, expect }, status) => {
  assert.equal(data, null);
  assert.ok(expect.status.includes(status), `${expect.status}`);
  assert.equal(error.context.status, status);
  const body = await error.context.json();
  hasShape(expect.json, body);
  return body;
};

test('invoke: a function answers with its data', async () => {
  const { data, error, expect } = await invoke('function-answers');
  assert.equal(error, null);
  hasShape(expect.json, data);
  assert.equal(data.success, true);
  assert.equal(data.count, 3);
  assert.equal(data.transactions.length, 3);
  assert.equal(Number(data.total), 1250.75);
  const sum = data.transactions.reduce((cents, row) => cents + Math.round(Number(row.amount) * 100), 0);
  assert.equal(sum, 125075);
});

test('a function that does not exist', async () => {
  const answer = await invoke('function-missing');
  // Which of the two it is hangs on the header x-relay-error, and the vendor does not document when it comes.
  assert.ok(answer.error instanceof FunctionsHttpError || answer.error instanceof FunctionsRelayError, `${answer.error}`);
  assert.equal((await refused(answer, 404)).code, 'NOT_FOUND');
});

test('a refusal of the function itself', async () => {
  const answer = await invoke('function-refuses');
  assert.ok(answer.error instanceof FunctionsHttpError, `${answer.error}`);
  assert.match((await refused(answer, 400)).error, /clientId/);
});

test('a bad key', async () => {
  const answer = await invoke('function-key-bad', project('bad-key'));
  assert.ok(answer.error instanceof FunctionsHttpError, `${answer.error}`);
  assert.match((await refused(answer, 401)).message, /API key/);
});

test('no key', async () => {
  assert.throws(() => project(''), /Key is required/i); // the library knows before anyone is asked
  const { request, expect } = the('function-key-none').steps[0];
  const answer = await fetch(process.env.SUPABASE_URL + fill(request.path), { method: request.method, body: JSON.stringify(request.json) });
  assert.equal(answer.status, 401);
  const body = await answer.json();
  hasShape(expect.json, body);
  assert.match(body.message, /No API key/);
});

all();
