/** What authentication makes of a carrier: the keys of both directions, their counters, and one identity. */
import { timingSafeEqual } from 'node:crypto';
import type { AeadSuite, Credential, FreshKeys } from '../../keys/index.ts';
import { CloseCode, type CloseWord, type DeframedRecord, RECORD_OVERHEAD_BYTES, RecordType } from '../wire/index.ts';
import type { Opener, Sealer } from './protection.ts';

/** How an opened record's plaintext may be used. */
export type PlaintextUse =
  /** It lies where the ciphertext lay: it is lent until the next record is asked for. */
  | 'lent'
  /** It has memory of its own, which may be kept. */
  | 'owned';

export class Session {
  /** The identity that the other side has proved, once its first record has opened. */
  readonly peer: Credential;
  readonly suite: AeadSuite;
  /** First 16 hex digits of the transcript hash: names the session in logs. */
  readonly id: string;
  /** What this side says, and what the other side must say, in the first sealed frame. */
  readonly ourCommitment: Uint8Array;
  readonly peerCommitment: Uint8Array;
  /** When the keys were derived, on the clock that never steps back: of two sessions of one peer the later one is newer. */
  readonly agreedAt: number;
  readonly #sealer: Sealer;
  readonly #opener: Opener;

  constructor(
    peer: Credential,
    suite: AeadSuite,
    id: string,
    commitments: { readonly ours: Uint8Array; readonly peers: Uint8Array },
    agreedAt: number,
    sealer: Sealer,
    opener: Opener,
  ) {
    this.peer = peer;
    this.suite = suite;
    this.id = id;
    this.ourCommitment = commitments.ours;
    this.peerCommitment = commitments.peers;
    this.agreedAt = agreedAt;
    this.#sealer = sealer;
    this.#opener = opener;
  }

  /** Key generations that the other side has used so far: each costs a key derivation. */
  get openedEpochs(): number {
    return this.#opener.openedEpochs;
  }

  /** The other side changes keys without need, again and again. */
  get isRekeyedTooOften(): boolean {
    return this.#opener.isRekeyedTooOften;
  }

  /** Seals a record. Changes to the next keys by itself when the present ones have sealed enough. */
  seal(plaintext: Uint8Array, type: RecordType = RecordType.data): Uint8Array {
    return this.#sealer.seal(type, plaintext);
  }

  /** Both directions go on with keys that were agreed on: ours with the next record, the other side's with its confirmation. */
  refresh(keys: FreshKeys): void {
    this.#opener.expectFresh(keys);
    this.#sealer.refresh(keys);
  }

  /** The other side has not gone over to the fresh keys yet. */
  get isAwaitingFresh(): boolean {
    return this.#opener.isAwaitingFresh;
  }

  /** What this side's first record after `refresh` holds. */
  get freshCommitment(): Uint8Array {
    return this.#sealer.commitment;
  }

  /** True once for each fresh agreement: after the record that must be the other side's confirmation. */
  takeUnconfirmed(): boolean {
    return this.#opener.takeUnconfirmed();
  }

  /** The other side has the keys under which its record has opened, and no others: an AEAD alone does not prove that. */
  isConfirmedBy(commitment: Uint8Array): boolean {
    const own = this.#opener.commitment;
    return commitment.length === own.length && timingSafeEqual(commitment, own);
  }

  /**
   * The same where the plaintext lies: RECORD_HEADER_BYTES behind `at`, with room for the tag behind its `length` bytes.
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

  /** Gives the keys of both directions back: the session is over. Idempotent; a later seal is a bug and throws. */
  free(): void {
    this.#sealer.free();
    this.#opener.free();
  }
}
