/** Keys and identities: authority, credentials, identities, AEAD providers and the key schedule. */
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
  type RevocationList,
  ROLES,
  type Role,
  thumbprintOf,
  verifyCredential,
  verifyStatement,
} from './credential/index.ts';
export {
  Authority,
  approveToFiles,
  createAuthority,
  createIdentityKey,
  describeKeyDirectory,
  type HolderKey,
  type Identity,
  type IdentityDescription,
  type InstallResult,
  installCredential,
  issueIdentity,
  issueToFiles,
  type KeyDirectoryDescription,
  type KeyRefusal,
  listHolders,
  loadIdentity,
  openAuthority,
  RevocationStore,
  readRequest,
  writeRequest,
} from './files/index.ts';
export { deriveSessionSecrets, type Ephemeral, EpochSecret, generateEphemeral, nextEpoch } from './schedule/index.ts';
