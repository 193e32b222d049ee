/**
 * Record protection of one direction: seal in order, open in order, change keys before a nonce could ever repeat.
 *
 * The sender moves to the next epoch at the soft limits; the receiver follows a record of the next epoch and refuses
 * what goes past the hard limits (rustls' record layer; WireGuard's timers). Sequences start at 0 in each epoch and the
 * nonce is the epoch's IV XOR the sequence (RFC 8446 §5.3). Streams keep order, so exactly the expected sequence is
 * opened and anything else is the same failure as a forged tag.
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

/** Ask for the next epoch here … (DESIGN: 2^20 records, 1 GiB, 2 minutes) */
export const SOFT_EPOCH_LIMITS: EpochLimits = { records: 2 ** 20, bytes: 2 ** 30, ageMs: 120_000 };
/** … and refuse to open past here: twice the soft limits. */
export const HARD_EPOCH_LIMITS: EpochLimits = { records: 2 ** 21, bytes: 2 ** 31, ageMs: 240_000 };

/**
 * An epoch that is left before any of these was reached is short: the sender changed keys without need. Each change costs
 * the other side a key derivation, so a number of short epochs in a row ends the session.
 */
export const SHORT_EPOCH: EpochLimits = { records: 1_024, bytes: 2 ** 20, ageMs: 10_000 };
/** Enough for a sender that changes keys now and then by hand, to test it. */
export const MAX_SHORT_EPOCHS = 16;

/** A running session agrees on fresh keys after this long: with the answer's time it is less than an hour. */
export const FRESH_KEYS_MS = 50 * 60_000;
/** An answer takes one crossing. Past this the session ends, or the other side could keep its old keys. */
export const ANSWER_MS = 5 * 60_000;

/** Milliseconds on a clock that never steps back. */
export type MonotonicTime = () => number;

/** One key generation of one direction, with what has been used of it. */
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

  /** The same with keys that were agreed on. */
  fresh(keys: FreshKeys, aead: Aead, now: number): Epoch {
    const secret = freshEpoch(this.#secret, this.records, keys);
    return new Epoch(secret.epoch, secret, aead, now);
  }

  /** One way: this epoch's secret is wiped, its key goes on until it is freed. */
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

  /** What the first record after a fresh agreement holds. */
  get commitment(): Uint8Array {
    return this.#epoch.commitment;
  }

  /** From the next record on the keys come from a fresh agreement. */
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
   * Makes a record of the `length` bytes that lie RECORD_HEADER_BYTES behind `at`: the header goes before them, ciphertext
   * replaces them, and the tag goes behind them. Nothing is allocated.
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

  /** Gives the key back. Nothing is sealed any more. */
  free(): void {
    this.#isFreed = true;
    this.#epoch.key.free();
  }

  /** At the soft limits the next key generation begins: a (key, nonce) pair must never repeat. */
  #present(): Epoch {
    const epoch = this.#epoch;
    // A freed key throws when it is used; its successor would not.
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
  /** In a row, up to now. */
  #shortEpochs = 0;
  #openedEpochs = 1;
  /** Agreed on, and the other side has not used it yet. */
  #fresh: FreshKeys | null = null;
  /** The other side's first record after a fresh agreement has opened, and was not looked at yet. */
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

  /** Keys that the other side has used so far. */
  get openedEpochs(): number {
    return this.#openedEpochs;
  }

  /** What the other side's first record after a fresh agreement must hold. */
  get commitment(): Uint8Array {
    return this.#epoch.commitment;
  }

  /** The other side may go on with these keys; it is the only way out of the present agreement. */
  expectFresh(keys: FreshKeys): void {
    this.#fresh = { ...keys, shared: Uint8Array.from(keys.shared) };
  }

  get isAwaitingFresh(): boolean {
    return this.#fresh !== null;
  }

  /** True once for each fresh agreement: right after its first record has opened. */
  takeUnconfirmed(): boolean {
    const is = this.#isUnconfirmed;
    this.#isUnconfirmed = false;
    return is;
  }

  /** The other side changes keys so often that it can only mean to make us work. */
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

  /** Gives the key back. Nothing is opened any more. */
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

  /** An agreement was asked for by one of the two sides, so it is no change of keys without need. */
  #useFresh(): void {
    this.#fresh?.shared.fill(0);
    this.#fresh = null;
    this.#isUnconfirmed = true;
  }

  #epochOf(record: DeframedRecord): Epoch | null {
    if (record.epoch === this.#epoch.number) return this.#epoch;
    // Without an agreement the ratchet never gets there: its last epoch has no next one.
    if (record.epoch === firstOfNextAgreement(this.#epoch.number))
      return this.#fresh === null ? null : this.#epoch.fresh(this.#fresh, this.#aead, this.#now());
    if (record.epoch === this.#epoch.number + 1) return this.#epoch.next(this.#aead, this.#now());
    return null;
  }
}
