/**
 * A session: the result of authentication on a carrier. It has the keys of both directions, counters, and one identity.
 */
import { timingSafeEqual } from 'node:crypto';
import { type AeadSuite, type Credential, FAST_SUITES, type FreshKeys } from '../../keys/index.ts';
import { CloseCode, type CloseWord, type DeframedRecord, RECORD_OVERHEAD_BYTES, RecordType } from '../wire/index.ts';
import type { Opener, Sealer } from './protection.ts';

/** How an opened record's plaintext may be used. */
export type PlaintextUse =
  /** It replaces the ciphertext in place, and is valid until the next record is read. */
  | 'lent'
  /** It has memory of its own, and may be kept. */
  | 'owned';

export class Session {
  /** The identity that the other side has proved, once its first record has opened. */
  readonly peer: Credential;
  readonly suite: AeadSuite;
  /** True: its suite has no fast provider, so its records cost many times as much. */
  readonly isSlow: boolean;
  /** First 16 hex digits of the transcript hash. It identifies the session in logs. */
  readonly id: string;
  /** The whole transcript hash, in base64url. A statement that names it counts in this session and in no other. */
  readonly transcript: string;
  /** The commitment in this side's first sealed frame, and the one required in the other side's. */
  readonly ourCommitment: Uint8Array;
  readonly peerCommitment: Uint8Array;
  /** Time of the key derivation, on the monotonic clock. Of two sessions of one peer, the later one is newer. */
  readonly agreedAt: number;
  readonly #sealer: Sealer;
  readonly #opener: Opener;

  constructor(
    peer: Credential,
    suite: AeadSuite,
    transcript: Uint8Array,
    commitments: { readonly ours: Uint8Array; readonly peers: Uint8Array },
    agreedAt: number,
    sealer: Sealer,
    opener: Opener,
  ) {
    this.peer = peer;
    this.suite = suite;
    this.isSlow = !FAST_SUITES.includes(suite);
    this.id = Buffer.from(transcript.subarray(0, 8)).toString('hex');
    this.transcript = Buffer.from(transcript).toString('base64url');
    this.ourCommitment = commitments.ours;
    this.peerCommitment = commitments.peers;
    this.agreedAt = agreedAt;
    this.#sealer = sealer;
    this.#opener = opener;
  }

  /** Number of key generations that the other side has used so far. Each costs a key derivation. */
  get openedEpochs(): number {
    return this.#opener.openedEpochs;
  }

  /** True: the other side has changed keys too often without need. */
  get isRekeyedTooOften(): boolean {
    return this.#opener.isRekeyedTooOften;
  }

  /** Seals a record. Switches to the next keys automatically when the present ones have sealed enough. */
  seal(plaintext: Uint8Array, type: RecordType = RecordType.data): Uint8Array {
    return this.#sealer.seal(type, plaintext);
  }

  /** Both directions switch to agreed keys: ours with the next record, the other side's with its confirmation. */
  refresh(keys: FreshKeys): void {
    this.#opener.expectFresh(keys);
    this.#sealer.refresh(keys);
  }

  /** True: the other side has not switched to the fresh keys yet. */
  get isAwaitingFresh(): boolean {
    return this.#opener.isAwaitingFresh;
  }

  /** The content of this side's first record after `refresh`. */
  get freshCommitment(): Uint8Array {
    return this.#sealer.commitment;
  }

  /** Returns true once for each fresh agreement, after the record that must be the other side's confirmation. */
  takeUnconfirmed(): boolean {
    return this.#opener.takeUnconfirmed();
  }

  /** True: the other side has exactly the keys under which its record opened. An AEAD alone does not prove that. */
  isConfirmedBy(commitment: Uint8Array): boolean {
    const own = this.#opener.commitment;
    return commitment.length === own.length && timingSafeEqual(commitment, own);
  }

  /**
   * The same in place: the plaintext begins RECORD_HEADER_BYTES after `at`, with room for the tag after its `length`
   * bytes.
   *
   * @returns the record, a part of `memory`
   */
  sealInPlace(memory: Uint8Array, at: number, length: number): Uint8Array {
    this.#sealer.sealInPlace(RecordType.data, memory, at, length);
    return memory.subarray(at, at + RECORD_OVERHEAD_BYTES + length);
  }

  /** Seals the last record. */
  sealClose(word: CloseWord): Uint8Array {
    return this.#sealer.seal(RecordType.close, Uint8Array.of(CloseCode[word]));
  }

  /** The plaintext; null when the record is not the next one of the other side. A failure is final. */
  open(record: DeframedRecord, use: PlaintextUse): Uint8Array | null {
    return use === 'lent' ? this.#opener.openInPlace(record) : this.#opener.open(record);
  }

  /** Frees the keys of both directions: the session has ended. Idempotent. A later seal is a bug and throws. */
  free(): void {
    this.#sealer.free();
    this.#opener.free();
  }
}
