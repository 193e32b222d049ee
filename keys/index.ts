/** Who is who: authority, credentials, identities, AEAD providers and the key schedule. */
export type { Aead, AeadKey, AeadSuite } from './aead/index.ts';
export { ALL_AEADS, aeadSelfTest, DEFAULT_AEAD_PROVIDER, recordNonce, release, selectAead } from './aead/index.ts';
export {
  AEAD_NONCE_BYTES,
  CLOCK_TOLERANCE_SECONDS,
  DEFAULT_TTL_SECONDS,
  KeyError,
} from './base/index.ts';
export type { TrustAnchor } from './credential/index.ts';
export {
  type Credential,
  type CredentialRefusal,
  parsePublicJwk,
  parseRole,
  ROLES,
  type Role,
  thumbprintOf,
  verifyCredential,
  verifyStatement,
} from './credential/index.ts';
export {
  Authority,
  createAuthority,
  createIdentityKey,
  describeKeyDirectory,
  type Identity,
  type IdentityDescription,
  installCredential,
  issueIdentity,
  issueToFiles,
  type KeyDirectoryDescription,
  loadIdentity,
  openAuthority,
} from './files/index.ts';
export { deriveSessionSecrets, EpochSecret, generateEphemeral, nextEpoch } from './schedule/index.ts';
