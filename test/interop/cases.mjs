// The cases of a vendor as JSON, from the file CASES, and their language of shapes and rules: the same as in
// internal/sandbox/conformance, where it is described. What a client library is asked comes from here, and what it
// must make of the answer.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

export const doc = JSON.parse(readFileSync(process.env.CASES, 'utf8'));
const driven = new Set();

// the gives one case, and keeps in mind that a library drives it.
export const the = (name) => {
  const found = doc.cases.find((c) => c.name === name);
  assert.ok(found?.library, `${name} is no case that a library drives`);
  driven.add(name);
  return found;
};

// all is the last tests of a script: no case may be forgotten, and none may take just anything.
export const all = () => {
  test('every case that a library can drive was driven', () => {
    const left = doc.cases.filter((c) => c.library && !driven.has(c.name)).map((c) => c.name);
    assert.deepEqual(left, []);
    assert.ok(driven.size > 3, `${driven.size} cases`);
  });
  test('no shape takes what has nothing of it', () => {
    const shapes = doc.cases.flatMap((c) => c.steps.flatMap(({ expect, socket }) => [
      expect?.json, ...(expect?.events ?? []).map((e) => e.json), ...(socket?.script ?? []).map((m) => m.receive?.json),
    ])).filter((shape) => Object.values(shape ?? {}).some((rule) => !fits(rule, undefined)));
    assert.ok(shapes.length > 5, `${shapes.length} shapes`);
    for (const shape of shapes) assert.ok(compare(fill(shape, { last: 'x', voice: 'x' }), { mutant: true }).length > 0, JSON.stringify(shape));
  });
};

// fill puts values in place of ${names}, in a copy.
export const fill = (node, vars = {}) => {
  if (typeof node === 'string') {
    return node.replace(/\$\{([a-z_]+)\}/g, (_, name) => {
      const value = vars[name] ?? doc.vars[name];
      assert.notEqual(value, undefined, `the variable ${name} is not set`);
      return value;
    });
  }
  if (Array.isArray(node)) return node.map((n) => fill(n, vars));
  if (node && typeof node === 'object') return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, fill(v, vars)]));
  return node;
};

const literal = (text) => {
  try { return JSON.parse(text); } catch { return text; }
};
const same = (a, b) => {
  try { assert.deepStrictEqual(a, b); return true; } catch { return false; }
};
const within = (span, n) => {
  const [low, top] = span ? span.split('..') : ['-Infinity', ''];
  return n >= Number(low) && n <= (top ? Number(top) : Infinity);
};
const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const words = {
  any: (v) => v !== undefined,
  absent: (v) => v === undefined,
  null: (v) => v === null,
  boolean: (v) => typeof v === 'boolean',
  object: isObject,
  uuid: (v) => typeof v === 'string' && /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(v),
  base64: (v) => typeof v === 'string' && v !== '' && Buffer.from(v, 'base64').toString('base64') === v,
  string: (v, span) => typeof v === 'string' && within(span, [...v].length),
  number: (v, span) => typeof v === 'number' && within(span, v),
  integer: (v, span) => Number.isInteger(v) && within(span, v),
  array: (v, span) => Array.isArray(v) && within(span, v.length),
  '=': (v, rest) => same(v, literal(rest)),
  '!=': (v, rest) => v !== undefined && !same(v, literal(rest)),
  '~': (v, rest) => typeof v === 'string' && new RegExp(rest, 'u').test(v),
};

// fits judges a value; undefined stands for one that is absent.
export const fits = (rule, value) => rule.some((text) => {
  const op = text.split(' ', 1)[0];
  assert.ok(words[op], `the rule ${text} is not known`);
  return words[op](value, text.slice(op.length).trim());
});

const follow = (value, parts, at) => {
  if (parts.length === 0) return [{ at: at || '.', value }];
  const [{ name, index, optional }, ...rest] = parts;
  if (name === undefined) {
    if (!Array.isArray(value)) return [{ at, value, wrong: 'an array' }];
    if (index === '') return value.flatMap((v, i) => follow(v, rest, `${at}[${i}]`));
    const here = value.at(Number(index));
    if (here !== undefined) return follow(here, rest, `${at}[${index}]`);
    return optional ? [] : [{ at: `${at}[${index}]` }];
  }
  if (!isObject(value)) return [{ at, value, wrong: 'an object' }];
  const here = at ? `${at}.${name}` : name;
  if (value[name] !== undefined) return follow(value[name], rest, here);
  return optional ? [] : [{ at: here }];
};

// find follows a path: names and [positions], a ? behind a part that may be absent.
export const find = (value, path) => {
  const parts = path === '.' ? [] : [...path.matchAll(/(?:\[(-?[0-9]*)\]|([^.[\]?]+))(\??)\.?/g)]
    .map(([, index, name, optional]) => ({ index, name, optional: optional === '?' }));
  return follow(value, parts, '');
};

// compare lists what is not as a shape wants it.
export const compare = (shape, value) => Object.entries(shape ?? {}).flatMap(([path, rule]) => find(value, path).flatMap((f) => {
  if (f.wrong) return [`${f.at}: wanted ${f.wrong}, saw ${JSON.stringify(f.value)}`];
  return fits(rule, f.value) ? [] : [`${f.at}: wanted ${rule.join(' or ')}, saw ${JSON.stringify(f.value)}`];
}));

// hasShape fails with the list of differences.
export const hasShape = (shape, value, vars) => {
  assert.ok(Object.keys(shape ?? {}).length > 0, 'there is nothing to compare with');
  assert.deepEqual(compare(fill(shape, vars), value), []);
};

// inOrder holds messages against the events of a case, one after another. Events that are no JSON a library does
// not show.
export const inOrder = (events, messages) => {
  const turns = fill(events).filter((e) => !e.text);
  const meant = (e, m) => e && (!e.kind || m[doc.kind] === e.kind) && compare(e.when, m).length === 0;
  let at = 0;
  let seen = 0;
  for (const [i, m] of messages.entries()) {
    for (; ; at += 1, seen = 0) {
      const passable = turns[at] && (turns[at].optional || (turns[at].many && seen > 0));
      if (meant(turns[at], m) && !(passable && meant(turns[at + 1], m))) break;
      assert.ok(passable, `message ${i + 1}: wanted ${turns[at]?.is || turns[at]?.kind || 'the end'}, saw ${JSON.stringify(m)}`);
    }
    assert.deepEqual(compare(turns[at].json, m), [], `message ${i + 1}`);
    seen += 1;
    if (!turns[at].many) [at, seen] = [at + 1, 0];
  }
  const left = turns.slice(at).filter((e, i) => !e.optional && !(e.many && i === 0 && seen > 0));
  assert.deepEqual(left.map((e) => e.is || e.kind), [], 'events that did not come');
};
