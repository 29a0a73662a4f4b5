// The vendor's library against the sandbox: SUPABASE_URL, SUPABASE_ANON_KEY.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, FunctionsHttpError, FunctionsRelayError } from '@supabase/supabase-js';
import { WebSocket } from 'ws';

const project = (key) => createClient(process.env.SUPABASE_URL, key, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: WebSocket }, // node 20 has none of its own
});
const client = project(process.env.SUPABASE_ANON_KEY);

test('invoke: a function answers with its data', async () => {
  const { data, error } = await client.functions.invoke('transaction-query', { body: { clientId: '5001' } });
  assert.equal(error, null);
  assert.equal(data.success, true);
  assert.equal(data.count, 3);
  assert.equal(data.transactions.length, 3);
  assert.equal(Number(data.total), 1250.75);
  const sum = data.transactions.reduce((cents, row) => cents + Math.round(Number(row.amount) * 100), 0);
  assert.equal(sum, 125075);
});

test('a function that does not exist', async () => {
  const { data, error } = await client.functions.invoke('no-such-function', { body: {} });
  assert.equal(data, null);
  // Which of the two it is hangs on the header x-relay-error, and the vendor does not document when it comes.
  assert.ok(error instanceof FunctionsHttpError || error instanceof FunctionsRelayError, `${error}`);
  assert.equal(error.context.status, 404);
  assert.equal((await error.context.json()).code, 'NOT_FOUND');
});

test('a refusal of the function itself', async () => {
  const { error } = await client.functions.invoke('transaction-query', { body: {} });
  assert.ok(error instanceof FunctionsHttpError, `${error}`);
  assert.equal(error.context.status, 400);
  assert.match((await error.context.json()).error, /clientId/);
});

test('a bad key', async () => {
  const { error } = await project('bad-key').functions.invoke('transaction-query', { body: { clientId: '5001' } });
  assert.ok(error instanceof FunctionsHttpError, `${error}`);
  assert.equal(error.context.status, 401);
  assert.match((await error.context.json()).message, /API key/);
});

test('no key', async () => {
  assert.throws(() => project(''), /Key is required/i); // the library knows before anyone is asked
  const answer = await fetch(`${process.env.SUPABASE_URL}/functions/v1/transaction-query`, { method: 'POST', body: '{"clientId":"5001"}' });
  assert.equal(answer.status, 401);
  assert.match((await answer.json()).message, /No API key/);
});
