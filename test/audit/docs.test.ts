import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUDIT_CATALOG, AUDIT_EVENTS, type AuditEventName } from '../../broker/record/index.ts';
import { FIELDS, parseQuestion } from '../../clients/audit/index.ts';

const docs = suite('audit docs');

const TEXT = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8');
const FOLDER = new URL('../../broker/audit/', import.meta.url);

function sources(): string {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
    .join('\n');
}

/** The members of a union type of string literals, as the source spells it. */
function unionOf(type: string): string[] {
  const [, body = ''] = new RegExp(`export type ${type} =([\\s\\S]*?');\\n`).exec(sources()) ?? [];
  return [...body.matchAll(/'([A-Z_]+)'/g)].map(([, member = '']) => member);
}

docs('every event, error code and problem is documented', () => {
  const codes = unionOf('AuditErrorCode');
  const problems = [...unionOf('ProblemCode'), ...unionOf('LineFault')];
  assert.is(codes.length, 10);
  assert.is(problems.length, 36);
  for (const word of [...AUDIT_EVENTS, ...codes, ...problems]) assert.match(TEXT, `\`${word}\``, word);
});

docs('the table of events has the stable code of each', () => {
  const rows = [...TEXT.matchAll(/^\| (`[a-z.]+`[^|]*) \| ((?:A\d{4}[IWE] ?)+) \|/gm)];
  const told = rows.flatMap(([, names = '', codes = '']) => {
    const events = [...names.matchAll(/`([a-z.]+)`/g)]
      .map(([, name = '']) => name)
      .filter((name) => name in AUDIT_CATALOG);
    return events.map((event, at) => [event, codes.trim().split(' ')[at]]);
  });
  assert.equal(
    new Map(told.sort() as [string, string][]),
    new Map(AUDIT_EVENTS.map((event: AuditEventName) => [event, AUDIT_CATALOG[event].code] as const).toSorted()),
  );
});

docs('every documented error code is one, and is used', () => {
  const codes = new Set(unionOf('AuditErrorCode'));
  for (const [code] of TEXT.matchAll(/ERR_AUDIT_[A-Z]+/g)) assert.ok(codes.has(code), code);
  for (const code of codes)
    assert.ok((sources().match(new RegExp(`'${code}'`, 'g')) ?? []).length > 1, `${code} is thrown`);
});

docs('every field of a question is documented, and every documented question is one', () => {
  const fields = TEXT.slice(TEXT.indexOf('Fields: `'));
  for (const field of FIELDS) assert.match(fields, new RegExp(`[\\s\`]${field.replace('.', '\\.')}[\\s\`]`), field);
  const asked = [
    ...TEXT.matchAll(/^argus audit (?:list|report|traffic|first-seen|probes|timeline) DIR(.*?)(?: {2,}|$)/gm),
  ];
  assert.ok(asked.length >= 7);
  for (const [, words = ''] of asked) parseQuestion(words.replace(/--\S+(?: \S+)?/g, ''), Date.now());
});

docs.run();
