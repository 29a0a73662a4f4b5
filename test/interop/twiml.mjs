// The schema of TwiML as the vendor's own builder declares it: which verb may stand in which, with which attributes
// and which values. It is read from the declarations that its package ships.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('twilio/lib/twiml/VoiceResponse.d.ts'), 'utf8');

const enums = new Map([...source.matchAll(/type (\w+) = ((?:"[^"]*"(?: \| )?)+);/g)].map(([, name, values]) => [name, values.split(' | ').map((v) => v.slice(1, -1))]));
const attributes = new Map([...source.matchAll(/export interface (\w+) \{([^}]*)\}/g)].map(([, name, body]) => [
  name, new Map([...body.matchAll(/^\s+(?:"([^"]+)"|(\w+))\?: ([^;]+);/gm)].map(([, quoted, plain, type]) => [quoted ?? plain, type])),
]));
// classes: name -> element within it -> {attributes, class, text}, from the comment above each method.
const classes = new Map();
for (const [, name, body] of source.matchAll(/class (\w+) extends TwiML \{([\s\S]*?)\n(?: {4})?\}/g)) {
  const inside = new Map();
  for (const [, element, methods] of body.matchAll(/<([\w:-]+)> TwiML (?:Verb|Noun)\s[^/]*\*\/((?:\s+\w+\([^)]*\): [\w.]+;)+)/g)) {
    const signatures = [...methods.matchAll(/\(([^)]*)\): (?:VoiceResponse\.)?(\w+);/g)];
    const declared = signatures.map(([, args]) => /attributes\??: (?:VoiceResponse\.)?(\w+)/.exec(args)?.[1]).find(Boolean);
    inside.set(element, {
      attributes: attributes.get(declared) ?? new Map(), class: signatures[0][2],
      text: signatures.some(([, args]) => args.split(',').some((a) => a.includes(':') && !a.includes('attributes'))),
    });
  }
  classes.set(name, inside);
}

const fits = (type, value) => {
  if (enums.has(type)) return enums.get(type).includes(value);
  if (type.endsWith('[]')) return value.split(' ').every((v) => fits(type.slice(0, -2), v));
  if (type === 'number') return /^[0-9]+$/.test(value);
  if (type === 'boolean') return value === 'true' || value === 'false';
  return true;
};

// faults lists what the builder would not make of a document.
export const faults = (doc) => {
  const out = [];
  const open = [];
  let at = doc.startsWith('<?xml') ? doc.indexOf('?>') + 2 : 0;
  const token = /<(\/?)([\w:-]+)((?:\s+[\w:]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  for (token.lastIndex = at; at < doc.length; at = token.lastIndex) {
    const m = token.exec(doc);
    if (!m) return [...out, `not XML at ${at}`];
    const [, closing, name, attrs, empty, text] = m;
    const here = open.at(-1);
    if (text !== undefined) {
      if (text.trim() && !here?.text) out.push(`text in ${here?.name}`);
    } else if (closing) {
      if (open.pop()?.name !== name) return [...out, `</${name}> closes nothing`];
    } else {
      const known = here ? classes.get(here.class)?.get(name) : name === 'Response' && { attributes: new Map(), class: 'VoiceResponse' };
      if (!known) out.push(`<${name}> in ${here?.name}`);
      for (const [, key, value] of attrs.matchAll(/([\w:]+)="([^"]*)"/g)) {
        const type = known && known.attributes.get(key);
        if (!type || !fits(type, value)) out.push(`${name} ${key}="${value}"`);
      }
      if (!empty) open.push({ ...known, name });
    }
  }
  if (open.length) out.push(`${open.at(-1).name} is not closed`);
  return out;
};

assert.ok(classes.get('VoiceResponse')?.size > 15 && attributes.size > 40 && enums.size > 20, `${classes.size} classes, ${attributes.size} attributes, ${enums.size} enums`);
