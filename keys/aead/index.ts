export type { Aead, AeadKey, AeadSuite } from './aead.ts';
export { recordNonce } from './nonce.ts';
export { release } from './release.ts';
export { ALL_AEADS, DEFAULT_AEAD_PROVIDER, selectAead } from './select.ts';
export { aeadSelfTest } from './self-test.ts';
