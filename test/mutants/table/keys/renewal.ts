/** Lines of renewal by an authority that is online: what it refuses to sign, and what a holder refuses to take. */
import type { Mutant } from '../../mutant.ts';

const RENEWAL_TESTS = ['test/keys/rotation/renewal.test.ts'];

const ROWS: readonly (readonly [find: string, replace: string])[] = [
  ["if (credential.role !== 'domain') return refuse('NOT_A_DOMAIN');", ''],
  ["if (credential.name !== name) return refuse('OTHER_NAME');", ''],
  [' || (await thumbprintOf(publicJwk)) !== credential.thumbprint', ''],
  [
    "if (newest?.thumbprint !== credential.thumbprint) return refuse('OLD_KEY');",
    "if (newest === undefined) return refuse('OLD_KEY');",
  ],
  ["if (newest.exp - now / 1000 > renewalTime(credential)) return refuse('TOO_EARLY');", ''],
  ['assertHolder(dir, identity.thumbprint, credential);', ''],
  ['if (credential.name !== identity.name || credential.role !== identity.role)', 'if (false)'],
];

export const RENEWAL: readonly Mutant[] = ROWS.map(([find, replace]) => ({
  in: 'keys/files/rotation/renewal.ts',
  find,
  replace,
  promise: 'a credential is worth nothing without its key',
  tests: RENEWAL_TESTS,
}));
