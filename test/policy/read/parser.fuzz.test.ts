/** Whatever the bytes of a file are, a load ends soon, with a policy or a PolicyError. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compilePolicy,
  POLICY_FILE_NAMES,
  PolicyError,
  type PolicyFiles,
  SHIPPED_POLICY_DIRECTORY,
} from '../../../policy/index.ts';
import type { Random } from '../../support/random.ts';
import { fuzzUntil } from '../../support/seed.ts';
import { INSPECTORS } from '../compile.ts';

const fuzz = suite('policy parser under fuzz');

const SHIPPED = Object.fromEntries(
  POLICY_FILE_NAMES.map((name) => [name, new Uint8Array(readFileSync(join(SHIPPED_POLICY_DIRECTORY, name)))]),
) as unknown as PolicyFiles;

/** Words that mean something to one of the parsers. */
const WORDS = [
  'p',
  'g',
  ',',
  ', ',
  '\n',
  '\r\n',
  '#',
  '@app',
  '@any',
  '*',
  'broker',
  'argo',
  'allow',
  'deny',
  '"',
  '(',
  ' ',
  '\t',
  '\0',
  '\u200b',
  '\ufeff',
  '- ',
  ': ',
  '[',
  ']',
  '{',
  '}',
  '&a ',
  '*a',
  '!!str ',
  '|\n',
  '>',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '? ',
  '<<: ',
  "'",
  '\\',
  '0x7fef',
  '__proto__',
  'constructor',
  'labels:',
  'domains:',
  'classes:',
  'name: ',
  'domid: ',
  'ports: ',
  "'1-9'",
  '1e999',
  '.nan',
  '~',
] as const;

function randomBytes(random: Random): Uint8Array {
  if (random.oneIn(2)) return random.bytes(random.below(2_000));
  return new TextEncoder().encode(Array.from({ length: random.below(400) }, () => random.pick(WORDS)).join(''));
}

async function outcome(files: PolicyFiles): Promise<'loaded' | 'refused'> {
  try {
    await compilePolicy(files, { revision: 1, inspectors: INSPECTORS });
    return 'loaded';
  } catch (error) {
    if (!(error instanceof PolicyError) || error.code === 'ERR_POLICY_INVARIANT') throw error;
    assert.ok(error.findings.length > 0 && error.findings.length <= 100);
    return 'refused';
  }
}

fuzz('random, mutated and truncated files are loaded or refused', async () => {
  const seen = { loaded: 0, refused: 0 };
  await fuzzUntil(async (random) => {
    const name = random.pick(POLICY_FILE_NAMES);
    const bytes = random.oneIn(3) ? randomBytes(random) : random.mutate(SHIPPED[name]);
    seen[await outcome({ ...SHIPPED, [name]: bytes })] += 1;
  });
  assert.ok(seen.refused > 0);
});

/** Shapes that make parsers of this kind slow or deep: large enough that what grows with the square takes a minute. */
const SHAPES: readonly (readonly [string, string])[] = [
  ['open brackets', '['.repeat(16_000)],
  ['open braces', '{'.repeat(16_000)],
  ['brackets over many lines', '[\n'.repeat(50_000)],
  ['dashes', '- '.repeat(60_000)],
  ['explicit keys', '? '.repeat(60_000)],
  ['growing indentation', Array.from({ length: 600 }, (_, n) => `${' '.repeat(n)}a:\n`).join('')],
  ['sequences of growing indentation', Array.from({ length: 600 }, (_, n) => `${' '.repeat(n)}-\n`).join('')],
  ['an open quote', `a: "${'x'.repeat(26_000)}`],
  ['many quotes', `a: ${'"'.repeat(26_000)}`],
  ['many apostrophes', `a: ${"'".repeat(26_000)}`],
  ['many backslashes', `a: "${'\\'.repeat(26_000)}`],
  ['many colons', ':'.repeat(26_000)],
  ['many quotes on many lines', `a: ${'"'.repeat(80)}\n`.repeat(2_500)],
  ['many anchors on many lines', `${'&a '.repeat(30)}\n`.repeat(2_500)],
  ['many anchors', '&a '.repeat(75_000)],
  ['many tags', '!a '.repeat(75_000)],
  ['many comments', ' #'.repeat(110_000)],
  ['many keys', Array.from({ length: 15_000 }, (_, n) => `k${n}: 1\n`).join('')],
  [
    'a billion laughs',
    `a: &a [x,x]\n${Array.from({ length: 40 }, (_, n) => `b${n}: &b${n} [*${n === 0 ? 'a' : `b${n - 1}`},*${n === 0 ? 'a' : `b${n - 1}`}]\n`).join('')}`,
  ],
  ['empty lines', '\n'.repeat(26_000)],
  ['commas', `${','.repeat(3_000)}\n`.repeat(300)],
  ['unknown labels', 'p, @aqq, @aqq, argoo, sendd, alow\n'.repeat(6_000)],
];
/** Of processor time: how busy the machine is with other work does not matter. */
const MAX_SHAPE_MS = 10_000;

for (const [what, text] of SHAPES) {
  fuzz(`${what}: answered in time`, async () => {
    const bytes = new TextEncoder().encode(text);
    const began = process.cpuUsage();
    for (const name of ['domains.yaml', 'policy.csv'] as const)
      assert.is(await outcome({ ...SHIPPED, [name]: bytes }), 'refused', name);
    const { user, system } = process.cpuUsage(began);
    const elapsed = (user + system) / 1_000;
    assert.ok(elapsed < MAX_SHAPE_MS, `${Math.round(elapsed)} ms`);
  });
}

fuzz.run();
