/** X25519 key agreement (RFC 7748 §6.1) with keys that live for one handshake: the source of forward secrecy. */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { REDACTED, X25519_BYTES } from '../base/index.ts';

export interface Ephemeral {
  /** 32 bytes, to be sent. */
  readonly publicKey: Uint8Array;
  /**
   * @param peerPublic peer-controlled bytes
   * @returns 32 shared bytes, which only the key schedule may use; null when the peer's key has another length or is
   * of low order (the result would be all zero and so not secret, RFC 7748 §6.1)
   */
  agree(peerPublic: Uint8Array): Uint8Array | null;
}

class X25519Ephemeral implements Ephemeral {
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor() {
    const pair = generateKeyPairSync('x25519');
    this.#privateKey = pair.privateKey;
    this.publicKey = Buffer.from(String(pair.publicKey.export({ format: 'jwk' }).x), 'base64url');
  }

  agree(peerPublic: Uint8Array): Uint8Array | null {
    return agreement(this.#privateKey, peerPublic);
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** `Ephemeral.agree` for a given private key: a separate function, so that tests can use published vectors. */
export function agreement(privateKey: KeyObject, peerPublic: Uint8Array): Uint8Array | null {
  if (peerPublic.length !== X25519_BYTES) return null;
  const x = Buffer.from(peerPublic).toString('base64url');
  let shared: Uint8Array;
  try {
    const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } });
    shared = diffieHellman({ privateKey, publicKey });
  } catch {
    return null; // OpenSSL refuses low-order points itself
  }
  return isAllZero(shared) ? null : shared;
}

/**
 * Reads every byte, whatever the values, so that the time reveals nothing about the secret. Needed for a crypto library
 * that does not refuse low-order points.
 */
export function isAllZero(bytes: Uint8Array): boolean {
  let union = 0;
  for (const byte of bytes) union |= byte;
  return union === 0;
}

/** The randomness is OpenSSL's. The private half cannot be read, and is dropped with the object. */
export function generateEphemeral(): Ephemeral {
  return new X25519Ephemeral();
}
