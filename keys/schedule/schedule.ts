/**
 * The key schedule: from one X25519 agreement to a key, an IV and a commitment per direction and epoch.
 *
 *   PRK            = HKDF-Extract(salt = transcript hash, ikm = shared secret)
 *   secret[0, dir] = HKDF-Expand(PRK, "argus v1 <dir> secret", 32)          dir: to-broker, to-domain
 *   secret[n+1]    = HKDF-Expand(secret[n], "argus v1 next epoch" | records, 32)   one way: yesterday's traffic stays closed
 *   secret[f]      = HKDF-Expand(HKDF-Extract(salt = secret[n+1], ikm = fresh shared secret), "argus v1 fresh keys" | both public keys, 32)
 *                                                               f: the next multiple of 2^16 after n
 *   key | iv | commitment = HKDF-Expand(secret[n], "argus v1 key" | "argus v1 iv" | "argus v1 commitment", 32 | 12 | 32)
 *
 * The transcript hash covers versions, suites, identities and both nonces, so sessions that differ in any of them share
 * no key. Neither AEAD commits to its key (a ciphertext can be made to open under two keys). So the first record of
 * each side carries a commitment to the keys of epoch 0. Every later secret of the ratchet is computed from that of
 * epoch 0, so the commitment covers it too. After a fresh agreement the first record of each side carries the new
 * commitment.
 *
 * `records` is the number of records of epoch n, a little-endian u64. Both ends count them. So an attacker cannot
 * remove the last records of an epoch: the receiver would then compute another key for the next epoch.
 */
import { inspect } from 'node:util';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  EPOCHS_PER_AGREEMENT,
  HASH_BYTES,
  KeyError,
  MAX_EPOCH,
  REDACTED,
  X25519_BYTES,
} from '../base/index.ts';
import { isAllZero } from './ephemeral.ts';
import { hkdfExpand, hkdfExtract } from './hkdf.ts';

const encoder = new TextEncoder();
const LABELS = {
  toBroker: encoder.encode('argus v1 to-broker secret'),
  toDomain: encoder.encode('argus v1 to-domain secret'),
  next: encoder.encode('argus v1 next epoch'),
  fresh: encoder.encode('argus v1 fresh keys'),
  key: encoder.encode('argus v1 key'),
  iv: encoder.encode('argus v1 iv'),
  commitment: encoder.encode('argus v1 commitment'),
} as const;
/** Size of the number of records in an epoch, to which the next secret is bound. */
const COUNT_BYTES = 8;

/** The result of a fresh key agreement inside a running session. */
export interface FreshKeys {
  /** 32 bytes from `Ephemeral.agree`. Its owner wipes it when both directions have used it. */
  readonly shared: Uint8Array;
  /** The key of the side that asked, then the key of the side that answered: 64 bytes. */
  readonly publicKeys: Uint8Array;
}

/** The first epoch of a direction after a fresh agreement. */
export function firstOfNextAgreement(epoch: number): number {
  return epoch - (epoch % EPOCHS_PER_AGREEMENT) + EPOCHS_PER_AGREEMENT;
}

/** The secret of one direction in one epoch. Prints as [redacted]. */
export class EpochSecret {
  /** 0 after the handshake, one more with each `nextEpoch`. */
  readonly epoch: number;
  /** 12 bytes for `recordNonce`. Wiping the secret keeps it, because records of this epoch may still be in transit. */
  readonly iv: Uint8Array;
  /** 32 bytes that identify the key without revealing it. Compare them in constant time. */
  readonly commitment: Uint8Array;
  readonly #secret: Uint8Array;
  #next: EpochSecret | null = null;
  #nextRecords = 0;
  #wiped = false;

  /** Only `deriveSessionSecrets` and `nextEpoch` call this. The object owns `secret`, and wipes it. */
  constructor(epoch: number, secret: Uint8Array) {
    this.epoch = epoch;
    this.#secret = secret;
    this.iv = hkdfExpand(secret, LABELS.iv, AEAD_NONCE_BYTES);
    this.commitment = hkdfExpand(secret, LABELS.commitment, HASH_BYTES);
  }

  /**
   * 32 bytes for `Aead.importKey`, derived again at each call. The caller owns the array.
   *
   * @throws KeyError ERR_KEY_WIPED
   */
  get key(): Uint8Array {
    return this.#expand(LABELS.key, AEAD_KEY_BYTES);
  }

  /** Best effort: JavaScript may have made copies that cannot be reached. Idempotent. */
  wipe(): void {
    this.#secret.fill(0);
    this.#wiped = true;
  }

  /** Only `nextEpoch` calls this. */
  ratchet(records: number): EpochSecret {
    if (this.#next !== null && this.#nextRecords === records) return this.#next;
    if (this.epoch >= MAX_EPOCH || (this.epoch + 1) % EPOCHS_PER_AGREEMENT === 0)
      throw new KeyError('ERR_KEY_EPOCH_EXHAUSTED', `epoch ${this.epoch} is the last; new keys must be agreed on`);
    this.#next = new EpochSecret(this.epoch + 1, this.#expandNext(records));
    this.#nextRecords = records;
    this.wipe();
    return this.#next;
  }

  /** Only `freshEpoch` calls this. */
  agree(records: number, { shared, publicKeys }: FreshKeys): EpochSecret {
    const epoch = firstOfNextAgreement(this.epoch);
    if (epoch > MAX_EPOCH)
      throw new KeyError('ERR_KEY_EPOCH_EXHAUSTED', `epoch ${this.epoch} is the last; a new handshake is needed`);
    const next = this.#expandNext(records);
    this.wipe();
    const pseudorandomKey = hkdfExtract(next, shared);
    next.fill(0);
    const secret = hkdfExpand(pseudorandomKey, Buffer.concat([LABELS.fresh, publicKeys]), HASH_BYTES);
    pseudorandomKey.fill(0);
    return new EpochSecret(epoch, secret);
  }

  #expandNext(records: number): Uint8Array {
    const count = Buffer.alloc(COUNT_BYTES);
    count.writeBigUInt64LE(BigInt(records));
    return this.#expand(Buffer.concat([LABELS.next, count]), HASH_BYTES);
  }

  #expand(label: Uint8Array, length: number): Uint8Array {
    // A wiped secret is all zero. Keys expanded from it would not be secret.
    if (this.#wiped) throw new KeyError('ERR_KEY_WIPED', `epoch ${this.epoch}: its secret has been wiped`);
    return hkdfExpand(this.#secret, label, length);
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

export interface SessionSecrets {
  readonly toBroker: EpochSecret;
  readonly toDomain: EpochSecret;
}

/**
 * Both ends call it with the same bytes and get the same secrets. `shared` is wiped.
 *
 * @param shared 32 bytes from `Ephemeral.agree`
 * @param transcriptHash SHA-256 over all handshake records of both sides, 32 bytes
 * @throws KeyError ERR_KEY_AEAD_USAGE when a length is wrong or `shared` is all zero (wiped: used twice)
 */
export function deriveSessionSecrets(shared: Uint8Array, transcriptHash: Uint8Array): SessionSecrets {
  if (shared.length !== X25519_BYTES || transcriptHash.length !== HASH_BYTES || isAllZero(shared))
    throw new KeyError(
      'ERR_KEY_AEAD_USAGE',
      'key schedule: expected 32 bytes of fresh shared secret and of transcript hash',
    );
  const pseudorandomKey = hkdfExtract(transcriptHash, shared);
  shared.fill(0);
  const secrets = {
    toBroker: new EpochSecret(0, hkdfExpand(pseudorandomKey, LABELS.toBroker, HASH_BYTES)),
    toDomain: new EpochSecret(0, hkdfExpand(pseudorandomKey, LABELS.toDomain, HASH_BYTES)),
  };
  pseudorandomKey.fill(0);
  return secrets;
}

/**
 * The ratchet. The old secret is wiped. A key that was already imported from it works until it is freed.
 *
 * A second call returns the same successor, because a receiver tries it for each record that claims the next epoch.
 *
 * @param records number of records of the epoch that the caller has sealed or opened
 * @throws KeyError ERR_KEY_EPOCH_EXHAUSTED; ERR_KEY_WIPED, also for a second call with another number of records
 */
export function nextEpoch(secret: EpochSecret, records: number): EpochSecret {
  return secret.ratchet(records);
}

/**
 * The secret after a fresh agreement. It is computed from the old secret and the shared one. So an attacker who has
 * only the old secret, and has only listened, knows none of the later keys.
 *
 * @param records number of records of the epoch that the caller has sealed or opened
 * @throws KeyError ERR_KEY_EPOCH_EXHAUSTED; ERR_KEY_WIPED
 */
export function freshEpoch(secret: EpochSecret, records: number, fresh: FreshKeys): EpochSecret {
  return secret.agree(records, fresh);
}
