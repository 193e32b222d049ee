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
 * no key. Neither AEAD commits to its key (a ciphertext can be made to open under two). The commitment of epoch 0 does: the
 * first record of each side carries it. Every later secret of the ratchet is computed from that of epoch 0, so it is committed
 * to as well. After a fresh agreement the first record of each side carries the new commitment.
 *
 * `records` is the number of records of epoch n, a little-endian u64. Both ends count them, so the last records of an epoch
 * cannot be taken out on the way: the next epoch would have another key at the receiver.
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
/** The number of records in an epoch, as the next secret is bound to it. */
const COUNT_BYTES = 8;

/** What two ends have agreed on inside a running session. */
export interface FreshKeys {
  /** 32 bytes from `Ephemeral.agree`; whoever owns it wipes it when both directions have used it. */
  readonly shared: Uint8Array;
  /** That of the side that asked, then that of the side that answered: 64 bytes. */
  readonly publicKeys: Uint8Array;
}

/** The epoch with which a direction goes on after a fresh agreement. */
export function firstOfNextAgreement(epoch: number): number {
  return epoch - (epoch % EPOCHS_PER_AGREEMENT) + EPOCHS_PER_AGREEMENT;
}

/** The secret of one direction in one epoch. Prints as [redacted]. */
export class EpochSecret {
  /** 0 after the handshake, one more with each `nextEpoch`. */
  readonly epoch: number;
  /** 12 bytes for `recordNonce`. Stays when the secret is wiped: records of this epoch may still be under way. */
  readonly iv: Uint8Array;
  /** 32 bytes that name the key without revealing it; compare in constant time. */
  readonly commitment: Uint8Array;
  readonly #secret: Uint8Array;
  #next: EpochSecret | null = null;
  #nextRecords = 0;
  #wiped = false;

  /** For `deriveSessionSecrets` and `nextEpoch`. Takes `secret` over: it is wiped with this object. */
  constructor(epoch: number, secret: Uint8Array) {
    this.epoch = epoch;
    this.#secret = secret;
    this.iv = hkdfExpand(secret, LABELS.iv, AEAD_NONCE_BYTES);
    this.commitment = hkdfExpand(secret, LABELS.commitment, HASH_BYTES);
  }

  /**
   * 32 bytes for `Aead.importKey`, derived afresh into an array of the caller's.
   *
   * @throws KeyError ERR_KEY_WIPED
   */
  get key(): Uint8Array {
    return this.#expand(LABELS.key, AEAD_KEY_BYTES);
  }

  /** Best effort: JavaScript may have moved copies that nobody can reach. Idempotent. */
  wipe(): void {
    this.#secret.fill(0);
    this.#wiped = true;
  }

  /** For `nextEpoch`. */
  ratchet(records: number): EpochSecret {
    if (this.#next !== null && this.#nextRecords === records) return this.#next;
    if (this.epoch >= MAX_EPOCH || (this.epoch + 1) % EPOCHS_PER_AGREEMENT === 0)
      throw new KeyError('ERR_KEY_EPOCH_EXHAUSTED', `epoch ${this.epoch} is the last; new keys must be agreed on`);
    this.#next = new EpochSecret(this.epoch + 1, this.#expandNext(records));
    this.#nextRecords = records;
    this.wipe();
    return this.#next;
  }

  /** For `freshEpoch`. */
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
    // a wiped secret is all zero: expanding it would give keys that everybody can compute
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
 * @param transcriptHash SHA-256 over everything both sides said, 32 bytes
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
 * The ratchet. The old secret is wiped; a key already imported from it keeps working until it is dropped.
 *
 * Asked twice it gives the same successor: a receiver tries it on a record that claims the next epoch.
 *
 * @param records that the epoch had: sealed or opened, by whoever asks
 * @throws KeyError ERR_KEY_EPOCH_EXHAUSTED; ERR_KEY_WIPED, also when it is asked again for another number of records
 */
export function nextEpoch(secret: EpochSecret, records: number): EpochSecret {
  return secret.ratchet(records);
}

/**
 * The secret after a fresh agreement. It needs the old secret and the shared one: a thief who has the old secret alone, and
 * has only listened, knows none of the keys that follow.
 *
 * @param records that the epoch had: sealed or opened, by whoever asks
 * @throws KeyError ERR_KEY_EPOCH_EXHAUSTED; ERR_KEY_WIPED
 */
export function freshEpoch(secret: EpochSecret, records: number, fresh: FreshKeys): EpochSecret {
  return secret.agree(records, fresh);
}
