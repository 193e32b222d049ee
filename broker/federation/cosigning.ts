/**
 * Cosigning between two brokers: each is a witness of the other's audit log (c2sp.org/tlog-witness, over the session
 * instead of HTTP). A log that was rolled back or rewritten is then known to another host.
 *
 * When a session begins and the other broker understands these frames, each side sends its key. The key is believed
 * only if it is the key that the other broker has proved in the handshake. One request of each side is under way.
 */

import { type Cosigner, parseVerifierKey, type VerifierKey, type WitnessAnswer } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import { encodeFederationFrame, FederationOp, type FederationOp as Ops } from './frames.ts';
import { COSIGNING_MS, MAX_COSIGNING_BYTES } from './limits.ts';

export type CosigningOp = typeof Ops.witness | typeof Ops.shown | typeof Ops.cosigned;

/** This broker as a witness of the others, and its log as one that they witness. */
export interface ClusterWitness {
  /** The key with which this broker cosigns, as a verifier key in text. */
  readonly vkey: string;
  /** The name under which a broker cosigns. */
  nameOf(broker: string): string;
  /** Is this the key that was proved under this thumbprint? */
  isProved(key: VerifierKey, thumbprint: string): Promise<boolean>;
  /** Cosigns a checkpoint of `broker`, whose key is proved. */
  cosign(broker: string, key: VerifierKey, request: string): Promise<WitnessAnswer>;
  /** Shows this broker's checkpoints to another one, from now on. */
  showTo(cosigner: Cosigner): Promise<void>;
}

const STATUSES: readonly number[] = [200, 400, 403, 404, 409, 422];
/** The other broker cannot write to its disk, or does not believe the key. */
const UNABLE = 500;

interface Pending {
  readonly resolve: (answer: WitnessAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly cancel: () => void;
}

/** Cosigning within one session. */
export class Cosigning {
  readonly #broker: string;
  readonly #witness: ClusterWitness;
  readonly #after: Clock['after'];
  readonly #send: (frame: Uint8Array) => void;
  #isIntroduced = false;
  /** The other broker's key, or null if it is not the proved one. Undefined: it has not sent one. */
  #key: Promise<VerifierKey | null> | undefined;
  #isAnswering = false;
  /** A request was sent and not answered, be its time over or not. */
  #isAsking = false;
  #pending: Pending | null = null;
  #isClosed = false;

  constructor(broker: string, witness: ClusterWitness, after: Clock['after'], send: (frame: Uint8Array) => void) {
    this.#broker = broker;
    this.#witness = witness;
    this.#after = after;
    this.#send = send;
  }

  /** The other broker understands these frames. */
  begin(): void {
    if (this.#isIntroduced || this.#isClosed) return;
    this.#isIntroduced = true;
    this.#send(encodeFederationFrame(FederationOp.witness, 0, Buffer.from(this.#witness.vkey)));
  }

  /**
   * Returns false for a frame that a broker never sends.
   *
   * @param body peer-controlled, valid only during the call
   * @param thumbprint of the key that the other broker has proved
   */
  receive(op: CosigningOp, id: number, body: Uint8Array, thumbprint: string): boolean {
    if (body.length > MAX_COSIGNING_BYTES) return false;
    const text = Buffer.from(body).toString('utf8');
    if (op === FederationOp.witness) return this.#introduced(text, thumbprint);
    if (op === FederationOp.shown) return this.#shown(text);
    return this.#cosigned(id, text);
  }

  /** The session has ended. */
  close(): void {
    this.#isClosed = true;
    this.#fail('the session has ended');
  }

  #introduced(text: string, thumbprint: string): boolean {
    const key = parseVerifierKey(text);
    if (this.#key !== undefined || key === null || key.name !== this.#witness.nameOf(this.#broker)) return false;
    // A key that was not proved in this session is worth nothing: the other broker is neither asked nor answered.
    this.#key = this.#witness.isProved(key, thumbprint).then((isProved) => (isProved ? key : null));
    void this.#key.then(async (proved) => {
      if (proved === null || this.#isClosed) return;
      await this.#witness.showTo({ name: proved.name, key: proved, add: (request) => this.#ask(request) });
    });
    return true;
  }

  #ask(request: string): Promise<WitnessAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || this.#isAsking) {
        reject(new Error(this.#isClosed ? 'the session has ended' : 'a request is under way'));
        return;
      }
      const cancel = this.#after(COSIGNING_MS, () => this.#fail('no answer'));
      this.#pending = { resolve, reject, cancel };
      this.#isAsking = true;
      this.#send(encodeFederationFrame(FederationOp.shown, 0, Buffer.from(request)));
    });
  }

  #fail(why: string): void {
    this.#pending?.cancel();
    this.#pending?.reject(new Error(why));
    this.#pending = null;
  }

  #shown(request: string): boolean {
    // A second request before the answer to the first one: a broker waits, and a flood would fill the memory.
    if (this.#isAnswering || this.#key === undefined) return false;
    this.#isAnswering = true;
    void this.#answerTo(this.#key, request).then((answer) => {
      this.#isAnswering = false;
      if (this.#isClosed) return;
      const body = Buffer.from(answer?.body ?? '');
      this.#send(encodeFederationFrame(FederationOp.cosigned, answer?.status ?? UNABLE, body));
    });
    return true;
  }

  /** Null: this broker cannot say. */
  async #answerTo(key: Promise<VerifierKey | null>, request: string): Promise<WitnessAnswer | null> {
    try {
      const proved = await key;
      return proved === null ? null : await this.#witness.cosign(this.#broker, proved, request);
    } catch {
      return null; // the disk is full: the other broker asks again later
    }
  }

  /** An answer that comes after its time is dropped. */
  #cosigned(status: number, body: string): boolean {
    if (!this.#isAsking) return false;
    this.#isAsking = false;
    const pending = this.#pending;
    this.#pending = null;
    pending?.cancel();
    if (STATUSES.includes(status)) pending?.resolve({ status: status as WitnessAnswer['status'], body });
    else pending?.reject(new Error(`the other broker answered ${status}`));
    return true;
  }
}
