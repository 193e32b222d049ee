/** Lines of a witness with a credential: another role, another key and a revoked key are refused. */
import type { Mutant } from '../../mutant.ts';

const ROWS: readonly (readonly [file: string, find: string, replace: string])[] = [
  ['broker/service/evidence/verify-witness.ts', ", roles: ['witness'] }", ' }'],
  [
    'broker/service/evidence/verify-witness.ts',
    'if ((await thumbprintOf(jwk)) !== credential.thumbprint)',
    'if (false)',
  ],
  ['broker/service/evidence/named-cosigner.ts', 'if (credential.name !== this.name)', 'if (false)'],
  ['broker/service/evidence/named-cosigner.ts', 'if (keys.isRevoked(credential))', 'if (false)'],
  [
    'broker/audit/witness/feed.ts',
    "if ((await cosigner.prepare?.()) === false) return 'UNTRUSTED';",
    'await cosigner.prepare?.();',
  ],
  ['broker/audit/witness/feed.ts', 'if (cosigner.proven?.() === false) return false;', 'cosigner.proven?.();'],
  [
    'clients/audit/witness/holder.ts',
    "if (role === 'witness') return identity;",
    'if (role !== undefined) return identity;',
  ],
  ['clients/audit/witness/holder.ts', 'if (next.name !== this.#identity.name)', 'if (false)'],
];

export const WITNESSES: readonly Mutant[] = ROWS.map(([file, find, replace]) => ({
  in: file,
  find,
  replace,
  promise: 'only a witness cosigns',
  tests: ['test/service/evidence/verify-witness.test.ts'],
}));
