/** docs/policy.md says what the program does. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyShippedPolicy, formatFinding, loadPolicy, type PolicyError } from '../../policy/index.ts';
import { CATALOGUE } from '../../policy/read/finding.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { INSPECTORS } from './world.ts';

const docs = suite('docs/policy.md');

const TEXT = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

docs('every finding is in the table, with its code and meaning, and no other', () => {
  const rows = Object.entries(CATALOGUE).map(([code, [error, title]]) => `| ${code} | \`${error}\` | ${title} |`);
  assert.equal(
    TEXT.split('\n').filter((line) => /^\| [A-Z]-\d/.test(line)),
    rows,
  );
});

docs('every reason of a denial is explained', () => {
  const source = readFileSync(new URL('../../policy/contract/permit.ts', import.meta.url), 'utf8');
  const union = /export type DenialReason =([\s\S]+?);\n\n/.exec(source)?.[1] ?? '';
  const reasons = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, reason]) => reason);
  assert.ok(reasons.length >= 8);
  for (const reason of reasons) assert.match(TEXT, `\`${reason}\``);
});

/** Edits that the page shows, and what it says that comes of them. */
const EDITS = ['p, mail-vm, @audio, audio-playback, send, deny\n', 'p, @app, @app, argo, send, allow\n'];
for (const row of EDITS) {
  docs(`the findings after adding "${row.trim()}" are the ones shown`, async () => {
    const path = join(temporaryDirectory(), 'policy');
    await copyShippedPolicy(path);
    appendFileSync(join(path, 'policy.csv'), row);
    try {
      await loadPolicy(path, { revision: 1, inspectors: INSPECTORS });
      assert.unreachable();
    } catch (error) {
      const [first] = (error as PolicyError).findings;
      assert.ok(first);
      // The shipped files grow; which line it is does not matter to the reader.
      const anyLine = (text: string): string => text.replaceAll(/\d+/g, 'N');
      const shown = anyLine(TEXT);
      assert.ok(shown.includes(anyLine(first.message)), formatFinding(first));
    }
  });
}

docs.run();
