/** What the documents say about conformance is what the tests show. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readDeviations } from './deviations.ts';
import { STATEMENTS } from './statements.ts';

const documents = suite('conformance documents');
const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

documents('docs/argo-deviations.md lists each deviation with its reason and its test, and no other', () => {
  const rows = [...read('argo-deviations.md').matchAll(/^\| (A\d\d) \| (.+) \| (.+) \| \[.+\]\(\.\.\/(.+)\) \|$/gm)];
  const listed = rows.map(([, id, statement, why, file]) => ({ id, statement, why, file }));
  const expected = readDeviations().map(({ id, why, file }) => ({
    id,
    statement: STATEMENTS.find((each) => each.id === id)?.statement,
    why,
    file,
  }));
  assert.equal(listed, expected);
});

documents('docs/conformance.md counts them rightly', () => {
  const text = read('conformance.md');
  const deviating = new Set(readDeviations().map(({ id }) => id)).size;
  assert.ok(text.includes(`${STATEMENTS.length} statements`));
  assert.ok(
    text.includes(`${STATEMENTS.length - deviating} hold as they stand`),
    String(STATEMENTS.length - deviating),
  );
  assert.ok(text.includes(`${deviating} deviate`), String(deviating));
});

documents.run();
