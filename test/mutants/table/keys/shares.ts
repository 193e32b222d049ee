/** Lines of an authority in shares: what does not belong together is refused. */
import type { Mutant } from '../../mutant.ts';

const SPLIT = ['test/keys/at-rest/split.test.ts'];

const ROWS: readonly (readonly [file: string, find: string, replace: string])[] = [
  ['files/at-rest/split-authority', 'if (shares.length < first.need)', 'if (false)'],
  ['files/at-rest/split-authority', 'if (each.set !== first.set)', 'if (false)'],
  ['files/at-rest/split-authority', 'if (same !== index)', 'if (false)'],
  ['files/at-rest/split-authority', "await openedForm(path, backup.files[name] ?? '')", "backup.files[name] ?? ''"],
  ['files/at-rest/split-authority', "await storedForm(backup.files[name] ?? '', sealing)", "backup.files[name] ?? ''"],
  ['sealed/shares', 'shares.some(({ backup }) => backup !== first.backup)', 'false'],
];

export const SHARES: readonly Mutant[] = ROWS.map(([file, find, replace]) => ({
  in: `keys/${file}.ts`,
  find,
  replace,
  promise: 'keys are kept private',
  tests: SPLIT,
}));
