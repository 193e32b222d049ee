/**
 * Lines of rotation and migration: the succession of an authority, two keys of one holder, a new credential in a running
 * session, keys that move to another host.
 */
import type { Mutant } from '../../mutant.ts';

const AUTHORITY = ['test/keys/rotation/authority-rotation.test.ts'];
const HOLDER = ['test/keys/rotation/identity-rotation.test.ts'];
const CHANGE = ['test/channel/credential-change.test.ts'];
const MIGRATION = ['test/keys/at-rest/migration.test.ts'];
const SESSIONS = ['test/service/sessions.test.ts'];

export const ROTATION: readonly Mutant[] = [
  {
    in: 'keys/credential/succession.ts',
    find: 'if (signed === null || (await thumbprintOf(signed.old)) !== anchor.thumbprint) return null;',
    replace: 'if (signed === null) return null;',
    promise: 'a credential is worth nothing without its key',
    tests: AUTHORITY,
  },
  {
    in: 'keys/credential/credential.ts',
    find: 'const isOverlap = predecessor !== null && predecessor.until > Math.floor(options.now / 1000);',
    replace: 'const isOverlap = true;',
    promise: 'a credential is worth nothing without its key',
    tests: AUTHORITY,
  },
  {
    in: 'keys/credential/issued-token.ts',
    find: 'if (acceptsPredecessor && anchor.predecessor !== null) {',
    replace: 'if (anchor.predecessor !== null) {',
    promise: 'a stolen key can be revoked',
    tests: AUTHORITY,
  },
  {
    in: 'keys/files/rotation/authority-rotation.ts',
    find: 'await older.retire(until, now);',
    replace: '',
    promise: 'a stolen key can be revoked',
    tests: AUTHORITY,
  },
  {
    in: 'keys/files/jwk-files.ts',
    find: 'if (next?.key.thumbprint === thumbprint) return next;',
    replace: '',
    promise: 'keys are kept private',
    tests: HOLDER,
  },
  {
    in: 'broker/channel/credential-change.ts',
    find: "if (claims.data.session !== session.transcript) return { ok: false, fault: 'WRONG_SESSION' };",
    replace: '',
    promise: 'a credential is worth nothing without its key',
    tests: CHANGE,
  },
  {
    in: 'broker/channel/credential-change.ts',
    find: "if (credential.name !== session.peer.name) return { ok: false, fault: 'WRONG_PEER' };",
    replace: '',
    promise: 'no spoofed source',
    tests: CHANGE,
  },
  {
    in: 'broker/service/sessions.ts',
    find: 'if (!result.ok || !this.#keys.proven(result.value)) {',
    replace: 'if (!result.ok) {',
    promise: 'a stolen key can be revoked',
    tests: SESSIONS,
  },
  {
    in: 'broker/peer/peer.ts',
    find: 'if (this.#isChanging) {',
    replace: 'if (false) {',
    promise: 'nobody starves others',
    tests: SESSIONS,
  },
  {
    in: 'broker/service/own-identity.ts',
    find: 'if (next.name !== this.name || next.role !== this.role) {',
    replace: 'if (false) {',
    promise: 'a credential is worth nothing without its key',
    tests: ['test/service/own-identity.test.ts'],
  },
  {
    in: 'keys/files/at-rest/migration.ts',
    find: 'if (actual !== thumbprint) throw',
    replace: 'if (false) throw',
    promise: 'keys are kept private',
    tests: MIGRATION,
  },
  {
    in: 'keys/files/at-rest/migration.ts',
    find: 'if (backup === null || !hasOnlyKeyFiles(backup))',
    replace: 'if (backup === null)',
    promise: 'keys are kept private',
    tests: MIGRATION,
  },
  {
    in: 'keys/files/at-rest/migration.ts',
    find: 'if (inside !== key)',
    replace: 'if (false)',
    promise: 'a credential is worth nothing without its key',
    tests: MIGRATION,
  },
];
