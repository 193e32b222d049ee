/** Lines that keep a new private key from the disk in the clear, unless a person has said that it may lie there. */
import type { Mutant } from '../../mutant.ts';

const ROWS: readonly (readonly [file: string, find: string, replace: string])[] = [
  ['keys/files/at-rest/sealed-keys', "if (sealing === 'unsealed') return text;", 'return text;'],
  ['keys/files/at-rest/sealed-keys', "? 'sealed' : 'unsealed';", "? 'unsealed' : 'unsealed';"],
  ['clients/cli/unsealed', "unsealed === true ? 'unsealed' : 'sealed'", "unsealed === true ? 'unsealed' : 'unsealed'"],
  ['clients/agents/guest/agent', "enrol.unsealed ? 'unsealed' : 'sealed'", "'unsealed'"],
  ['broker/carrier/nats/admin/certificates', "if (sealing === 'unsealed') return;", 'return;'],
];

export const NEW_KEYS: readonly Mutant[] = ROWS.map(([file, find, replace]) => ({
  in: `${file}.ts`,
  find,
  replace,
  promise: 'keys are kept private',
  tests: ['test/keys/at-rest/new-keys.test.ts'],
}));
