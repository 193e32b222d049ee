export { backupKeys, restoreKeys } from './at-rest/key-backup.ts';
export { migrateKeys, prepareTransfer, receiveKeys } from './at-rest/migration.ts';
export { configuredPassphrase, readPassphrase } from './at-rest/passphrase.ts';
export {
  openedSecret,
  type Sealing,
  sealKeyDirectory,
  storedForm,
  unsealKeyDirectory,
} from './at-rest/sealed-keys.ts';
export { joinAuthority, splitAuthority } from './at-rest/split-authority.ts';
export { Authority, createAuthority, openAuthority, sealingOfAuthority } from './authority.ts';
export { describeKeyDirectory, type IdentityDescription, type KeyDirectoryDescription } from './description.ts';
export { createIdentityKey, installCredential, issueIdentity, writeRequest } from './enrolment.ts';
export { approveToFiles, issueToFiles, readRequest } from './hand-back.ts';
export { type HolderKey, listHolders } from './holders.ts';
export { type Identity, isCredentialReplaced, loadIdentity } from './identity.ts';
export { readTrustAnchor } from './jwk-files.ts';
export { RecordedEntries } from './recorded-entries.ts';
export { handOverRegister, readExtractFile, readHandedOver } from './register-hand-over.ts';
export { type InstallResult, type KeyRefusal, RevocationStore } from './revocation-store.ts';
export { rotateAuthority } from './rotation/authority-rotation.ts';
export { rotateIdentity } from './rotation/identity-rotation.ts';
export { installRenewal, type RenewalResult, renewalTime, renewCredential } from './rotation/renewal.ts';
