export { Authority, createAuthority, openAuthority } from './authority.ts';
export { describeKeyDirectory, type IdentityDescription, type KeyDirectoryDescription } from './description.ts';
export { createIdentityKey, installCredential, issueIdentity, writeRequest } from './enrolment.ts';
export { approveToFiles, issueToFiles, readRequest } from './hand-back.ts';
export { type HolderKey, listHolders } from './holders.ts';
export { type Identity, loadIdentity } from './identity.ts';
export { type InstallResult, type KeyRefusal, RevocationStore } from './revocation-store.ts';
