/** The models hold, and weakened ones are broken: a model that cannot fail proves nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsThat } from '../support/needs.ts';
import { MODELS } from './models.ts';
import { check, missingForProofs, read } from './spin.ts';

const proofs = suite('proofs');
const missing = missingForProofs();
/** Of the weakened models, those that were the product once, and the one of two parts; `npm run prove` tries all. */
const SAMPLE: readonly string[] = [
  '',
  'WEAK_ORDER',
  'WEAK_UNCOUNTED',
  'WEAK_WELCOME_UNBOUND WEAK_KEY_WITHOUT_TRANSCRIPT',
];
const withSpin = needsThat(() => missing === null, missing ?? '');

for (const { file, variants } of MODELS)
  for (const { lacks, bounds = [], expected } of variants.filter((one) => SAMPLE.includes(one.lacks.join(' '))))
    withSpin(proofs, `${file} ${lacks.join(' ') || 'as it is'}: ${expected}`, async () => {
      const { outcome, states, broken } = await check(file, [...lacks, ...bounds]);
      assert.is(outcome, expected, broken ?? '');
      assert.ok(states > 0);
    });

proofs('each weakness of a model is tried, and explained in the document', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/proofs.md'), 'utf8');
  for (const { file, variants } of MODELS) {
    const source = readFileSync(join(import.meta.dirname, 'models', file), 'utf8');
    const inModel = new Set([...source.matchAll(/#if(?:n)?def (WEAK_\w+)/g)].map(([, name]) => name));
    assert.equal([...inModel].sort(), [...new Set(variants.flatMap(({ lacks }) => lacks))].sort(), file);
    for (const name of inModel) assert.match(document, `\`${name}\``);
  }
});

proofs('an answer that is none is an error, and so is a search that was cut short', () => {
  const whole = 'State-vector 52 byte, depth reached 88, errors: 0\n    14440 states, stored\n';
  assert.equal(read(whole), { outcome: 'no attack', states: 14_440, broken: null });
  for (const text of [
    '',
    'errors: 0',
    whole.replace('errors: 0', 'errors: 1'),
    `error: max search depth too small\n${whole}`,
  ])
    assert.throws(() => read(text), /spin gave no answer/);
});

proofs.run();
