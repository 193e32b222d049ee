/** The connection to other guests: the calls of the vsock device to the broker, and the events from it. */
import type { PeerMessage } from './message.ts';

export interface Exchange {
  /** This guest's CID: the domid of its domain. */
  readonly cid: number;
  /** Bytes that the broker has not answered yet. */
  readonly underWayBytes: number;
  /**
   * Sends one packet; packets to the same peer and service port keep their order. `refused` is called at most once,
   * later, with the code of the refusal. The payload is copied before the call returns.
   */
  send(
    peer: number,
    servicePort: number,
    message: PeerMessage,
    payload: Uint8Array,
    refused: (code: string) => void,
  ): void;
  /** A ring for the answers of one peer. Resolves to false when policy or the broker refuses it. */
  expectAnswers(servicePort: number, peer: number): Promise<boolean>;
  /** No connection needs these answers any more. */
  endAnswers(servicePort: number, peer: number): void;
}

export interface ExchangeEvents {
  /** A packet of another guest arrived at the ring of a service port. The payload is valid only during the call. */
  received(peer: number, servicePort: number, message: PeerMessage, payload: Uint8Array): void;
  /** The broker has answered sends, so there is room for more. */
  settled(): void;
  /** These connections do not work any more. Null means every peer, or every service port. */
  lost(peer: number | null, servicePort: number | null): void;
  /** Another policy is in force: it may deny a connection that the old policy allowed. */
  policyChanged(): void;
}

/** Time, from outside. */
export interface Timers {
  now(): number;
  /** Returns a function that cancels the task. */
  schedule(delayMs: number, task: () => void): () => void;
}
