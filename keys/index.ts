/** Who is who: authority, credentials, identities, AEAD providers and the key schedule. */
export {
  AEAD_PROVIDERS,
  type Aead,
  type AeadChoice,
  type AeadKey,
  type AeadProvider,
  type AeadSuite,
  aeadSelfTest,
  allAeads,
  chooseAead,
  recordNonce,
  release,
  selectAead,
} from './aead/index.ts';
export {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
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
