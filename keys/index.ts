/** Who is who: authority, credentials, identities, AEAD providers and the key schedule. */
export type { Aead, AeadKey, AeadSuite } from './aead/aead.ts';
export { recordNonce } from './aead/nonce.ts';
export { release } from './aead/release.ts';
export { ALL_AEADS, DEFAULT_AEAD_PROVIDER, selectAead } from './aead/select.ts';
export { aeadSelfTest } from './aead/self-test.ts';
export { KeyError } from './base/errors.ts';
export {
  AEAD_NONCE_BYTES,
  CLOCK_TOLERANCE_SECONDS,
  DEFAULT_TTL_SECONDS,
} from './base/limits.ts';
export {
  type Credential,
  type CredentialRefusal,
  verifyCredential,
} from './credential/credential.ts';
export { parsePublicJwk, thumbprintOf } from './credential/jwk.ts';
export { parseRole, ROLES, type Role } from './credential/names.ts';
export { verifyStatement } from './credential/statement.ts';
export type { TrustAnchor } from './credential/trust-anchor.ts';
export {
  Authority,
  createAuthority,
  openAuthority,
} from './files/authority.ts';
export {
  describeKeyDirectory,
  type IdentityDescription,
  type KeyDirectoryDescription,
} from './files/description.ts';
export {
  createIdentityKey,
  installCredential,
  issueIdentity,
} from './files/enrolment.ts';
export { issueToFiles } from './files/hand-back.ts';
export { type Identity, loadIdentity } from './files/identity.ts';
export { generateEphemeral } from './schedule/ephemeral.ts';
export { deriveSessionSecrets, EpochSecret, nextEpoch } from './schedule/schedule.ts';
