export { AEAD_PROVIDERS, type Aead, type AeadKey, type AeadProvider, type AeadSuite } from './aead.ts';
export { recordNonce } from './nonce.ts';
export { release } from './release.ts';
export { type AeadChoice, allAeads, chooseAead, selectAead } from './select.ts';
export { aeadSelfTest } from './self-test.ts';
