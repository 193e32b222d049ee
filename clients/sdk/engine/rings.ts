/** The rings of a VM, their handles in the present session, and the known senders. */
import { DATA_FRAME_HEADER_BYTES, DataField } from '../../../broker/wire/index.ts';
import type { MessageSource } from '../message.ts';
import type { Ring } from '../ring.ts';

export class Rings {
  readonly #rings = new Set<Ring>();
  readonly #byHandle = new Map<number, Ring>();
  readonly #handles = new Map<Ring, number>();
  /** The domid of each ring's partner. */
  readonly #partners = new Map<Ring, number>();
  readonly #sources = new Map<number, MessageSource>();
  /** Rings whose consumers wait for the end of the record. */
  readonly #batching = new Set<Ring>();
  /** Rings with consumed room that was not returned. */
  readonly #owing = new Set<Ring>();
  #lastHandle = -1;
  #lastRing: Ring | null = null;
  #lastSource: MessageSource | null = null;

  [Symbol.iterator](): IterableIterator<Ring> {
    return [...this.#rings].values();
  }

  add(ring: Ring, handle: number, partner: number): void {
    this.#rings.add(ring);
    this.#partners.set(ring, partner);
    const old = this.#handles.get(ring);
    if (old !== undefined) this.#byHandle.delete(old);
    this.#handles.set(ring, handle);
    this.#byHandle.set(handle, ring);
    this.#forgetLast();
  }

  remove(ring: Ring): void {
    const handle = this.#handles.get(ring);
    if (handle !== undefined && this.#byHandle.get(handle) === ring) this.#byHandle.delete(handle);
    this.#handles.delete(ring);
    this.#partners.delete(ring);
    this.#rings.delete(ring);
    this.#owing.delete(ring);
    this.#forgetLast();
  }

  byHandle(handle: number): Ring | undefined {
    return this.#byHandle.get(handle);
  }

  /** Undefined while the present session does not know the ring. */
  handleOf(ring: Ring): number | undefined {
    return this.#handles.get(ring);
  }

  /** The session of a domain has ended: no more messages come to the rings that have it as their partner. */
  partnerGone(domid: number): void {
    for (const [ring, partner] of this.#partners) if (partner === domid) ring.partnerGone();
  }

  /** The domains that the present session has introduced. */
  get sources(): Iterable<MessageSource> {
    return this.#sources.values();
  }

  /** A session ended: its handles and introductions mean nothing in the next. */
  forgetSession(): void {
    this.#byHandle.clear();
    this.#handles.clear();
    this.#sources.clear();
    this.#forgetLast();
  }

  /** @returns whether name or labels are others than before */
  introduce(domid: number, name: string, labels: readonly string[]): boolean {
    const before = this.#sources.get(domid);
    this.#sources.set(domid, Object.freeze({ domid, name, labels: Object.freeze([...labels]) }));
    this.#lastSource = null;
    return before?.name !== name || before.labels.join(' ') !== labels.join(' ');
  }

  /**
   * Puts the deliver frame at `bytes[at, at + length)` into its ring. Of lent bytes a reader that keeps the message gets a
   * copy.
   *
   * @returns 'kept': a reader keeps the message; 'lent': it was only looked at; or why it was not delivered: a handle of no
   * ring, a source that was never introduced
   */
  deliver(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    isLent: boolean,
  ): 'kept' | 'lent' | 'no-ring' | 'no-source' {
    const handle = view.getUint32(at + DataField.id, true);
    let ring = this.#lastRing;
    if (handle !== this.#lastHandle || ring === null) {
      ring = this.#byHandle.get(handle) ?? null;
      if (ring === null) return 'no-ring';
      this.#lastHandle = handle;
      this.#lastRing = ring;
    }
    const domid = view.getUint16(at + DataField.source, true);
    let source = this.#lastSource;
    if (source === null || source.domid !== domid) {
      source = this.#sources.get(domid) ?? null;
      if (source === null) return 'no-source';
      this.#lastSource = source;
    }
    // Not subarray(): that of a Buffer is a Buffer, and its slice() does not copy, unlike a Uint8Array's.
    const payload = new Uint8Array(
      bytes.buffer,
      bytes.byteOffset + at + DATA_FRAME_HEADER_BYTES,
      length - DATA_FRAME_HEADER_BYTES,
    );
    const isKept = ring.deliver({
      source,
      port: view.getUint32(at + DataField.sourcePort, true),
      type: view.getUint32(at + DataField.messageType, true),
      payload: isLent && !ring.isLending ? new Uint8Array(payload) : payload,
    });
    if (ring.isBatching) this.#batching.add(ring);
    return isKept ? 'kept' : 'lent';
  }

  /** The ring has consumed room to return. */
  owes(ring: Ring): void {
    this.#owing.add(ring);
  }

  /** A record is about to leave: consumed room may share it. */
  ride(now: number): void {
    for (const ring of this.#owing) if (ring.ride(now)) this.#owing.delete(ring);
  }

  get isOwing(): boolean {
    return this.#owing.size > 0;
  }

  /** The record ends: consumers of batches get its messages, whose bytes are still valid. */
  endRecord(): void {
    if (this.#batching.size === 0) return;
    for (const ring of this.#batching) ring.endBatch();
    this.#batching.clear();
  }

  #forgetLast(): void {
    this.#lastHandle = -1;
    this.#lastRing = null;
    this.#lastSource = null;
  }
}
