/**
 * Record protection of one direction: seals in order, opens in order, and changes keys before a nonce could ever
 * repeat.
 *
 * The sender starts the next epoch at the soft limits. The receiver follows a record of the next epoch, and refuses
 * records beyond the hard limits (rustls' record layer; WireGuard's timers). Sequences start at 0 in each epoch, and
 * the nonce is the epoch's IV XOR the sequence (RFC 8446 §5.3). Streams keep order, so only the expected sequence
 * opens. Any other one is the same failure as a forged tag.
 */
import {
  type Aead,
  type AeadKey,
  type EpochSecret,
  type FreshKeys,
  firstOfNextAgreement,
  freshEpoch,
  nextEpoch,
  recordNonce,
} from '../../keys/index.ts';
import {
  type DeframedRecord,
  NONCE_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  type RecordType,
  TAG_BYTES,
  writeRecordHeader,
} from '../wire/index.ts';

export interface EpochLimits {
  readonly records: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** The sender starts the next epoch here: 2^20 records, 1 GiB, 2 minutes. */
export const SOFT_EPOCH_LIMITS: EpochLimits = { records: 2 ** 20, bytes: 2 ** 30, ageMs: 120_000 };
/** The receiver refuses to open records beyond these: twice the soft limits. */
export const HARD_EPOCH_LIMITS: EpochLimits = { records: 2 ** 21, bytes: 2 ** 31, ageMs: 240_000 };

/**
 * An epoch that ends before any of these is reached is short: the sender changed keys without need. Each change costs
 * the other side a key derivation, so several short epochs in a row end the session.
 */
export const SHORT_EPOCH: EpochLimits = { records: 1_024, bytes: 2 ** 20, ageMs: 10_000 };
/** Enough for a person who tests a sender by changing keys by hand. */
export const MAX_SHORT_EPOCHS = 16;

/** A running session agrees on fresh keys after this time. With the time for the answer it is less than an hour. */
export const FRESH_KEYS_MS = 50 * 60_000;
/** Time for the answer. After it the session ends, because otherwise the other side could keep its old keys. */
export const ANSWER_MS = 5 * 60_000;

/** Milliseconds on a clock that never steps back. */
export type MonotonicTime = () => number;

/** One key generation of one direction, and counts of its use. */
class Epoch {
  readonly number: number;
  readonly key: AeadKey;
  readonly iv: Uint8Array;
  readonly #secret: EpochSecret;
  readonly startedAt: number;
  records = 0;
  bytes = 0;

  constructor(number: number, secret: EpochSecret, aead: Aead, now: number) {
    this.number = number;
    this.#secret = secret;
    const raw = secret.key;
    this.key = aead.importKey(raw);
    raw.fill(0);
    this.iv = secret.iv;
    this.startedAt = now;
  }

  isPast(limits: EpochLimits, now: number): boolean {
    return this.records >= limits.records || this.bytes >= limits.bytes || now - this.startedAt >= limits.ageMs;
  }

  get commitment(): Uint8Array {
    return this.#secret.commitment;
  }

  /** The next epoch, with keys from a fresh agreement. */
  fresh(keys: FreshKeys, aead: Aead, now: number): Epoch {
    const secret = freshEpoch(this.#secret, this.records, keys);
    return new Epoch(secret.epoch, secret, aead, now);
  }

  /** The next epoch. This epoch's secret is wiped; its key can be used until it is freed. */
  next(aead: Aead, now: number): Epoch {
    return new Epoch(this.number + 1, nextEpoch(this.#secret, this.records), aead, now);
  }
}

export class Sealer {
  readonly #aead: Aead;
  readonly #now: MonotonicTime;
  readonly #limits: EpochLimits;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #header = new Uint8Array(RECORD_HEADER_BYTES);
  #isFreed = false;
  #epoch: Epoch;

  constructor(aead: Aead, secret: EpochSecret, now: MonotonicTime, limits: EpochLimits = SOFT_EPOCH_LIMITS) {
    this.#aead = aead;
    this.#now = now;
    this.#limits = limits;
    this.#epoch = new Epoch(0, secret, aead, now());
  }

  get epoch(): number {
    return this.#epoch.number;
  }

  /** The content of the first record after a fresh agreement. */
  get commitment(): Uint8Array {
    return this.#epoch.commitment;
  }

  /** From the next record on, uses the keys of a fresh agreement. */
  refresh(keys: FreshKeys): void {
    const epoch = this.#epoch;
    this.#epoch = epoch.fresh(keys, this.#aead, this.#now());
    epoch.key.free();
  }

  /** A record in memory of its own. */
  seal(type: RecordType, plaintext: Uint8Array): Uint8Array {
    const record = new Uint8Array(RECORD_OVERHEAD_BYTES + plaintext.length);
    record.set(plaintext, RECORD_HEADER_BYTES);
    this.sealInPlace(type, record, 0, plaintext.length);
    return record;
  }

  /**
   * Makes a record of the `length` bytes that begin RECORD_HEADER_BYTES after `at`: writes the header before them,
   * replaces them with ciphertext, and writes the tag after them. Allocates nothing.
   */
  sealInPlace(type: RecordType, memory: Uint8Array, at: number, length: number): void {
    const epoch = this.#present();
    const sequence = epoch.records++;
    epoch.bytes += length;
    const header = this.#header;
    writeRecordHeader(header, type, epoch.number, sequence, length + TAG_BYTES);
    recordNonce(epoch.iv, sequence, this.#nonce);
    this.#aead.sealInPlace(epoch.key, this.#nonce, header, memory, at + RECORD_HEADER_BYTES, length);
    memory.set(header, at);
  }

  /** Frees the key. No more records can be sealed. */
  free(): void {
    this.#isFreed = true;
    this.#epoch.key.free();
  }

  /** The epoch to seal with. At the soft limits the next one begins: a (key, nonce) pair must never repeat. */
  #present(): Epoch {
    const epoch = this.#epoch;
    // After `free` keep the freed key, which throws when it is used. A new key would not.
    if (this.#isFreed || !epoch.isPast(this.#limits, this.#now())) return epoch;
    this.#epoch = epoch.next(this.#aead, this.#now());
    epoch.key.free();
    return this.#epoch;
  }
}

export class Opener {
  readonly #aead: Aead;
  readonly #now: MonotonicTime;
  readonly #limits: EpochLimits;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  #epoch: Epoch;
  #failed = false;
  /** Short epochs in a row, up to now. */
  #shortEpochs = 0;
  #openedEpochs = 1;
  /** Agreed keys that the other side has not used yet. */
  #fresh: FreshKeys | null = null;
  /** The other side's first record after a fresh agreement has opened, and was not checked yet. */
  #isUnconfirmed = false;

  constructor(aead: Aead, secret: EpochSecret, now: MonotonicTime, limits: EpochLimits = HARD_EPOCH_LIMITS) {
    this.#aead = aead;
    this.#now = now;
    this.#limits = limits;
    this.#epoch = new Epoch(0, secret, aead, now());
  }

  get epoch(): number {
    return this.#epoch.number;
  }

  /** Number of keys that the other side has used so far. */
  get openedEpochs(): number {
    return this.#openedEpochs;
  }

  /** The required content of the other side's first record after a fresh agreement. */
  get commitment(): Uint8Array {
    return this.#epoch.commitment;
  }

  /** The other side may now use these keys. No other keys may follow those of the present agreement. */
  expectFresh(keys: FreshKeys): void {
    this.#fresh = { ...keys, shared: Uint8Array.from(keys.shared) };
  }

  get isAwaitingFresh(): boolean {
    return this.#fresh !== null;
  }

  /** Returns true once for each fresh agreement, directly after its first record has opened. */
  takeUnconfirmed(): boolean {
    const is = this.#isUnconfirmed;
    this.#isUnconfirmed = false;
    return is;
  }

  /** True: the other side changes keys so often that the only purpose can be to cause work here. */
  get isRekeyedTooOften(): boolean {
    return this.#shortEpochs > MAX_SHORT_EPOCHS;
  }

  /**
   * The plaintext in memory of its own, or `null`: forged, replayed, reordered, too short and past the hard limit look
   * alike. A failure is final, since after one the stream's position means nothing.
   */
  open(record: DeframedRecord): Uint8Array | null {
    const epoch = this.#expect(record);
    if (epoch === null) return null;
    const { headerBytes, body } = record;
    const split = record.length - TAG_BYTES;
    return this.#opened(
      epoch,
      this.#aead.open(epoch.key, this.#nonce, headerBytes, body.subarray(0, split), body.subarray(split)),
    );
  }

  /** The same where the ciphertext lies, which it replaces; zeros replace it when this fails. */
  openInPlace(record: DeframedRecord): Uint8Array | null {
    const epoch = this.#expect(record);
    if (epoch === null) return null;
    const { headerBytes, body } = record;
    const split = record.length - TAG_BYTES;
    const isOpen = this.#aead.openInPlace(epoch.key, this.#nonce, headerBytes, body, 0, split);
    return this.#opened(epoch, isOpen ? body.subarray(0, split) : null);
  }

  /** The epoch that the record must open with, and its nonce; null when it cannot be the next record. */
  #expect(record: DeframedRecord): Epoch | null {
    const epoch = this.#failed || record.length < TAG_BYTES ? null : this.#epochOf(record);
    if (epoch === null || record.sequence !== epoch.records || epoch.isPast(this.#limits, this.#now())) {
      this.#failed = true;
      if (epoch !== null && epoch !== this.#epoch) epoch.key.free();
      return null;
    }
    recordNonce(epoch.iv, record.sequence, this.#nonce);
    return epoch;
  }

  /** Frees the key. No more records can be opened. */
  free(): void {
    this.#failed = true;
    this.#fresh?.shared.fill(0);
    this.#epoch.key.free();
  }

  #opened(epoch: Epoch, plaintext: Uint8Array | null): Uint8Array | null {
    if (plaintext === null) {
      this.#failed = true;
      if (epoch !== this.#epoch) epoch.key.free();
      return null;
    }
    // Only now: a forged record must neither move the sequence nor the epoch.
    epoch.records++;
    epoch.bytes += plaintext.length;
    if (epoch !== this.#epoch) {
      this.#openedEpochs++;
      if (epoch.number === firstOfNextAgreement(this.#epoch.number)) this.#useFresh();
      else this.#shortEpochs = this.#epoch.isPast(SHORT_EPOCH, this.#now()) ? 0 : this.#shortEpochs + 1;
      this.#epoch.key.free();
      this.#epoch = epoch;
    }
    return plaintext;
  }

  /** A fresh agreement has a reason, so it does not count as a change of keys without need. */
  #useFresh(): void {
    this.#fresh?.shared.fill(0);
    this.#fresh = null;
    this.#isUnconfirmed = true;
  }

  #epochOf(record: DeframedRecord): Epoch | null {
    if (record.epoch === this.#epoch.number) return this.#epoch;
    // Only an agreement leads to this epoch. The ratchet never does: its last epoch before this has no successor.
    if (record.epoch === firstOfNextAgreement(this.#epoch.number))
      return this.#fresh === null ? null : this.#epoch.fresh(this.#fresh, this.#aead, this.#now());
    if (record.epoch === this.#epoch.number + 1) return this.#epoch.next(this.#aead, this.#now());
    return null;
  }
}
