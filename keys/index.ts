/** Who is who: authority, credentials, identities, AEAD providers and the key schedule. */
export type { Aead, AeadKey, AeadSuite } from './aead.ts';
export { ALL_AEADS, DEFAULT_AEAD_PROVIDER, selectAead } from './aead-select.ts';
export { aeadSelfTest } from './aead-self-test.ts';
export {
  Authority,
  createAuthority,
  openAuthority,
} from './authority.ts';
export {
  type Credential,
  type CredentialRefusal,
  verifyCredential,
} from './credential.ts';
export {
  describeKeyDirectory,
  type IdentityDescription,
  type KeyDirectoryDescription,
} from './description.ts';
export {
  createIdentityKey,
  installCredential,
  issueIdentity,
} from './enrolment.ts';
export { generateEphemeral } from './ephemeral.ts';
export { KeyError } from './errors.ts';
export { issueToFiles } from './hand-back.ts';
export { type Identity, loadIdentity } from './identity.ts';
export { parsePublicJwk, thumbprintOf } from './jwk.ts';
export {
  AEAD_NONCE_BYTES,
  CLOCK_TOLERANCE_SECONDS,
  DEFAULT_TTL_SECONDS,
} from './limits.ts';
export { parseRole, ROLES, type Role } from './names.ts';
export { recordNonce } from './nonce.ts';
export { release } from './release.ts';
export { deriveSessionSecrets, EpochSecret, nextEpoch } from './schedule.ts';
export { verifyStatement } from './statement.ts';
export type { TrustAnchor } from './trust-anchor.ts';
