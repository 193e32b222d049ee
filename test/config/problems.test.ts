/** What is wrong with a configuration file is said in our words, whatever a library calls it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { OUR_WORDS, problemOf, readYamlText } from '../../broker/config/index.ts';

const words = suite('problems of configuration files');

const schema = z.strictObject({
  carrier: z.string().min(1).optional(),
  mode: z.enum(['watch', 'applied']).optional(),
  limit: z.int().min(2).max(8).optional(),
  above: z.number().gt(0).lt(9).optional(),
  peers: z.array(z.string()).min(1).max(2).optional(),
  name: z.string().max(3).optional(),
  log: z.strictObject({ level: z.boolean() }).optional(),
  more: z.record(z.string(), z.unknown()).optional(),
  address: z.ipv4().optional(),
  source: z.union([z.string(), z.strictObject({ directory: z.string() })]).optional(),
  own: z.string().regex(/^x/, 'expected an x').optional(),
});

const problems = (input: unknown): string => {
  const parsed = schema.safeParse(input, OUR_WORDS);
  return parsed.success ? 'none' : parsed.error.issues.map(problemOf).join('; ');
};

const ROWS: readonly (readonly [input: unknown, said: string])[] = [
  [{}, 'none'],
  [[], '"the file": expected keys with values, got a list'],
  [null, '"the file": expected keys with values, got nothing'],
  [{ carier: 'x' }, 'unknown key "carier", did you mean "carrier"?'],
  [{ zzzzzz: 1, peer: 1 }, 'unknown key "zzzzzz", "peer", did you mean "peers"?'],
  [
    { log: { levle: true } },
    '"log.level": is missing; expected true or false; "log": unknown key "levle", did you mean "level"?',
  ],
  [{ carrier: 7 }, '"carrier": expected text, got a number'],
  [{ carrier: '' }, '"carrier": at least 1 character'],
  [{ name: 'long' }, '"name": at most 3 characters'],
  [{ mode: 'wacth' }, '"mode": expected watch or applied, did you mean "watch"?'],
  [{ mode: 7 }, '"mode": expected watch or applied'],
  [{ limit: 9 }, '"limit": at most 8'],
  [{ limit: 2.5 }, '"limit": expected a whole number, got a number'],
  [{ above: 0 }, '"above": more than 0'],
  [{ above: 9 }, '"above": less than 9'],
  [{ peers: [] }, '"peers": at least 1 entry'],
  [{ peers: ['a', 'b', 'c'] }, '"peers": at most 2 entries'],
  [{ peers: [1] }, '"peers.0": expected text, got a number'],
  [{ more: 7 }, '"more": expected keys with values, got a number'],
  [{ address: '10.0.0.300' }, '"address": expected an IPv4 address, such as 10.137.1.1'],
  [{ source: 7 }, '"source": expected text or keys with values, got a number'],
  [{ own: 'y' }, '"own": expected an x'],
];
for (const [input, said] of ROWS) words(`${JSON.stringify(input)}: ${said}`, () => assert.is(problems(input), said));

const TEXTS: readonly (readonly [text: string, said: string])[] = [
  ['a: [1, 2', ':1:9: the indentation does not fit the lines above, or a bracket is not closed'],
  ['a: b: c', ':1:4: two keys in one line, or a ":" in a value; write the value in quotes'],
  ['a: 1\na: 2', ':2:1: a key stands twice'],
  ['\tx: 1', ':1:1: a tab; indent with spaces'],
  ['a: @x', ':1:4: a value that begins with a reserved character; write it in quotes'],
  ['a: "x', ':1:6: a quote or bracket is not closed, or a space is missing behind ":" or ","'],
  ['- a\nb: 1', ':2:1: something that does not belong here'],
  ['a: !!foo 1', ':1:4: a tag; write the value itself'],
  ['---\na: 1\n---\nb: 2', ':3:1: a second document (---); only one is read'],
  ['x\ny: 1', ':1:1: a line without ":"'],
  ['a: *x', ': an alias of nothing, or of too much; write the value itself'],
];
for (const [text, said] of TEXTS) {
  words(`${JSON.stringify(text)} is no configuration: ${said}`, () => {
    const read = readYamlText(text);
    assert.is(read.ok ? 'read' : read.problem, said);
  });
}

words('a text is read, an empty one as no keys, and an alias as what it stands for', () => {
  for (const [text, value] of [
    ['a: 1', { a: 1 }],
    ['', {}],
    ['a: &x 1\nb: *x', { a: 1, b: 1 }],
  ] as const)
    assert.equal(readYamlText(text), { ok: true, value });
});

words.run();
