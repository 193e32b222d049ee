export {
  AEAD_PROVIDERS,
  AEAD_SUITES,
  type Aead,
  type AeadKey,
  type AeadProvider,
  type AeadSuite,
  CLONE_SAFE_SUITES,
  FAST_SUITES,
} from './aead.ts';
export { recordNonce } from './nonce.ts';
export { release } from './release.ts';
export { type AeadChoice, allAeads, chooseAead, selectAead } from './select.ts';
export { aeadSelfTest } from './self-test.ts';
