export {
  type Credential,
  type CredentialRefusal,
  type CredentialResult,
  signCredential,
  verifyCredential,
} from './credential.ts';
export {
  holderNameOf,
  isPrivateJwk,
  type PrivateJwk,
  type PublicJwk,
  parsePrivateJwk,
  parsePublicJwk,
  thumbprintOf,
} from './jwk.ts';
export { assertName, NAME_PATTERN, parseRole, ROLES, type Role } from './names.ts';
export {
  ISSUE_CAUSES,
  type IssueCause,
  type RegisterEntry,
  signRegisterExtract,
  verifyRegisterExtract,
} from './register-extract.ts';
export { type CredentialRequest, signRequest, verifyRequest } from './request.ts';
export {
  emptyRevocationList,
  findRevocation,
  type HolderRevocation,
  type KeyRevocation,
  type Revocation,
  type RevocationList,
  revokesKey,
  signRevocationList,
  verifyRevocationList,
} from './revocation-list.ts';
export { generatePrivateJwk, SigningKey } from './signing-key.ts';
export { signStatement, verifyEmbedded, verifyStatement } from './statement.ts';
export {
  carriedSuccession,
  predecessorOf,
  type Succession,
  signSuccession,
  successorOf,
} from './succession.ts';
export { importTrustAnchor, type Predecessor, type TrustAnchor } from './trust-anchor.ts';
