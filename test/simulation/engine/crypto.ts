/**
 * Cryptography of the simulation: real, and free of chance. Signatures are made and checked at once, where the product
 * uses the thread pool, whose jobs end in any order; keys come from the seed. Ed25519 and the AEADs are deterministic by
 * themselves, so the bytes of a run are the same each time.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  KeyObject,
  sign,
  verify,
  webcrypto,
} from 'node:crypto';
import { Random } from '../../support/random.ts';

const KEY_BYTES = 32;
/** PKCS #8 of an Ed25519 or X25519 private key (RFC 8410), up to its 32 bytes. */
const PKCS8_PREFIX = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' };

/**
 * From now on the process signs, verifies and hashes in the turn in which that is asked for, with Ed25519 alone. Returns
 * what undoes it.
 */
export function workWithoutThreads(): () => void {
  const replaced = {
    sign: async (_: unknown, key: webcrypto.CryptoKey, data: Uint8Array) => sign(null, data, KeyObject.from(key)),
    verify: async (_: unknown, key: webcrypto.CryptoKey, signature: Uint8Array, data: Uint8Array) =>
      verify(null, data, KeyObject.from(key), signature),
    digest: async (algorithm: string, data: Uint8Array) =>
      Uint8Array.from(createHash(algorithm.replace('-', '').toLowerCase()).update(data).digest()).buffer,
  };
  for (const [name, value] of Object.entries(replaced))
    Object.defineProperty(webcrypto.subtle, name, { value, configurable: true, writable: true });
  // What is there otherwise stands on the prototype.
  return () => {
    for (const name of Object.keys(replaced)) Reflect.deleteProperty(webcrypto.subtle, name);
  };
}

/** The private key of these 32 bytes. */
export function keyOf(kind: keyof typeof PKCS8_PREFIX, seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from(PKCS8_PREFIX[kind], 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** The public half, 32 bytes, base64url. */
export function publicHalf(key: KeyObject): string {
  return String(createPublicKey(key).export({ format: 'jwk' }).x);
}

interface KeyPair {
  readonly publicKey: Uint8Array;
  agree(peerPublic: Uint8Array): Uint8Array | null;
}

/** Made once: OpenSSL takes a millisecond to read a key. The nonces of a handshake are new each time. */
const EPHEMERALS = Array.from({ length: 16 }, (_, index) => keyPairOf(new Random(index).bytes(KEY_BYTES)));

/** The key pair of one handshake: what keys/schedule/ephemeral.ts makes from OpenSSL's randomness, from the seed's. */
export function ephemeralOf(random: Random): KeyPair {
  return random.pick(EPHEMERALS);
}

function keyPairOf(seed: Uint8Array): KeyPair {
  const privateKey = keyOf('x25519', seed);
  return {
    publicKey: Buffer.from(publicHalf(privateKey), 'base64url'),
    agree(peerPublic) {
      if (peerPublic.length !== KEY_BYTES) return null;
      try {
        const x = Buffer.from(peerPublic).toString('base64url');
        const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } });
        return diffieHellman({ privateKey, publicKey });
      } catch {
        return null;
      }
    },
  };
}
