/** Who is who: authority, credentials, identities, AEAD providers and the key schedule. */
export {
  type Aead,
  type AeadKey,
  type AeadProvider,
  type AeadSuite,
  parseSuite,
  type Sealed,
  SUITES,
  type SuiteDescriptor,
} from './aead.ts';
export { ALL_AEADS, DEFAULT_AEAD_PROVIDER, selectAead } from './aead-select.ts';
export { aeadSelfTest } from './aead-self-test.ts';
export {
  Authority,
  createAuthority,
  type IssuedCredential,
  type IssueTerms,
  openAuthority,
  type RegisterEntry,
} from './authority.ts';
export {
  CREDENTIAL_AUDIENCE,
  CREDENTIAL_TYPE,
  type Credential,
  type CredentialRefusal,
  type CredentialResult,
  type VerifyCredentialOptions,
  verifyCredential,
} from './credential.ts';
export {
  type AuthorityDescription,
  describeKeyDirectory,
  type IdentityDescription,
  type KeyDirectoryDescription,
} from './description.ts';
export {
  createIdentityKey,
  type EnrolledKey,
  type GivenCredential,
  type IssueIdentityTerms,
  installCredential,
  issueIdentity,
} from './enrolment.ts';
export { type Ephemeral, generateEphemeral } from './ephemeral.ts';
export { KEY_ERROR_CODES, KeyError, type KeyErrorCode } from './errors.ts';
export { type HandBackTerms, type HandedBack, issueToFiles } from './hand-back.ts';
export { type Identity, type LoadIdentityOptions, loadIdentity } from './identity.ts';
export { type PublicJwk, parsePublicJwk, thumbprintOf } from './jwk.ts';
export {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  CLOCK_TOLERANCE_SECONDS,
  DEFAULT_TTL_SECONDS,
  HASH_BYTES,
  MAX_TOKEN_CHARACTERS,
  X25519_BYTES,
} from './limits.ts';
export { parseRole, ROLES, type Role } from './names.ts';
export { recordNonce } from './nonce.ts';
export { deriveSessionSecrets, EpochSecret, nextEpoch, type SessionSecrets } from './schedule.ts';
export { verifyStatement } from './statement.ts';
export { importTrustAnchor, type TrustAnchor } from './trust-anchor.ts';
