/** The table of mutants is in step with the sources, the tests and the promises. Cheap: no mutant is run here. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryDirectory } from '../support/temp.ts';
import { applyMutant, type Mutant } from './mutant.ts';
import { NO_PROMISE, PROMISES } from './promises.ts';
import { MUTANTS } from './table/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MIN_MUTANTS = 120;

const mutants = suite('mutants');

mutants('each row breaks exactly one line', () => {
  const faults = MUTANTS.flatMap((mutant) => {
    try {
      applyMutant(root, mutant);
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  });
  assert.equal(faults, []);
});

mutants('each row names tests that exist', () => {
  const tests = new Set(MUTANTS.flatMap((mutant) => mutant.tests));
  assert.equal(
    [...tests].filter((test) => !existsSync(join(root, test))),
    [],
  );
  assert.ok(MUTANTS.every((mutant) => mutant.tests.length > 0));
});

mutants(`there are at least ${MIN_MUTANTS}, and no two break a line in the same way`, () => {
  const keys = MUTANTS.map((mutant) => `${mutant.in} ${mutant.find} ${mutant.replace}`);
  assert.ok(keys.length >= MIN_MUTANTS, `${keys.length}`);
  assert.is(new Set(keys).size, keys.length);
});

mutants('each promise is still made where the table says, and has a row', () => {
  const kept = new Set<string>(MUTANTS.map((mutant) => mutant.promise));
  for (const [name, [file, text]] of Object.entries(PROMISES)) {
    assert.ok(readFileSync(join(root, file), 'utf8').includes(text), `${file} does not say "${text}" (${name})`);
    assert.ok(kept.has(name), `no row for the promise "${name}"`);
  }
});

mutants('each named attack of SECURITY.md is a promise with a row', () => {
  const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');
  const part = /^## Attacks[\s\S]*?(?=^## )/m.exec(text)?.[0] ?? '';
  const named = [...part.matchAll(/^\* (\*[^*]+\*)|^(\*\*[^*]+\*\*)/gm)].map(
    ([, attack, position]) => attack ?? position ?? '',
  );
  assert.ok(named.length >= 10, named.join());
  const known = [...Object.values(PROMISES).map(([, piece]) => piece), ...NO_PROMISE];
  assert.equal(
    named.filter((name) => !known.some((piece) => name.startsWith(piece))),
    [],
  );
});

mutants('each sentence under "Fail closed" is a promise with a row', () => {
  const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');
  const part = /^## Fail closed\n([\s\S]*?)\n\n/m.exec(text)?.[1] ?? '';
  const sentences = part.split('\n');
  assert.ok(sentences.length >= 4, part);
  const pieces = Object.values(PROMISES).map(([, piece]) => piece);
  assert.equal(
    sentences.filter((sentence) => !pieces.some((piece) => sentence.includes(piece))),
    [],
  );
});

const sample = (source: string): string => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'a.ts'), source);
  return directory;
};
const row = (find: string, replace: string): Mutant => ({
  in: 'a.ts',
  find,
  replace,
  promise: 'no permission, no message',
  tests: [],
});

mutants('the rest of the line and of the file stays as it is', () => {
  const { source, place } = applyMutant(sample('one\n  if (two) $& three;\nfour\n'), row('(two)', '($1)'));
  assert.is(source, 'one\n  if ($1) $& three;\nfour\n');
  assert.is(place.line, 2);
});

const BROKEN: readonly (readonly [string, string, string, RegExp])[] = [
  ['a piece that is gone', 'nowhere', 'x', /matches 0 lines/],
  ['a piece of two lines', 'o', 'x', /matches 2 lines in a\.ts \(must be 1\) a\.ts:1, a\.ts:2/],
  ['a replacement that changes nothing', 'one', 'one', /changes nothing/],
];
for (const [label, find, replace, message] of BROKEN) {
  mutants(`refused: ${label}`, () => {
    assert.throws(
      () => applyMutant(sample('one\ntwo\n'), row(find, replace)),
      (error: Error) => message.test(error.message),
    );
  });
}

mutants.run();
