export { type AcceptedBundle, acceptBundle, type BundleTrust } from './accept.ts';
export { type Bundle, decodeBundle, encodeBundle, makeBundle, signBundle } from './bundle.ts';
export { BUNDLE_PIECE_BYTES, MAX_BUNDLE_BYTES } from './limits.ts';
export type { Scope } from './manifest.ts';
export { type BundleMemory, bundleMemory, type KeptBundle, volatileBundleMemory } from './memory.ts';
export { type BundleHead, cutBundle, decodeHead, encodeHead, joinPieces, pieceCount } from './pieces.ts';
