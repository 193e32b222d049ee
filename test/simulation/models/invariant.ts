/**
 * What is watched: facts that the actors of a run tell as they see them. Each invariant keeps a naive model of its own,
 * small enough to be believed, and throws a Violation when the facts do not fit it.
 */
import type { Link, Rule } from '../../policy/naive.ts';
import type { Home } from '../actors/home.ts';
import type { StreamFlow } from '../agents/stream-bytes.ts';

/** A message that a guest has sent. Its number travels as the message type. */
export interface SentMessage {
  readonly number: number;
  readonly sender: string;
  readonly senderDomid: number;
  /** Counts the sender's sessions: a message belongs to the one in which it was sent. */
  readonly session: number;
  readonly receiver: string;
  readonly receiverDomid: number;
  readonly port: number;
  readonly payload: Uint8Array;
  readonly turn: number;
  /** The sender lets the SDK try again until then. */
  readonly hasDeadline: boolean;
}

export type Outcome =
  | { readonly kind: 'accepted' }
  /** It is not in any ring, and will not be. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The session broke: it may have arrived. */
  | { readonly kind: 'unknown'; readonly code: string };

export interface Delivery {
  readonly number: number;
  readonly receiver: string;
  /** As the SDK names the sender. */
  readonly source: string;
  readonly sourceDomid: number;
  readonly ring: string;
  readonly port: number;
  readonly payload: Uint8Array;
  /** The turn in which the broker wrote it; null where the reader took it later. */
  readonly writtenAt: number | null;
  readonly turn: number;
}

/** The policy that a broker has in force from a turn on. */
export interface PolicyInForce {
  readonly broker: string;
  readonly turn: number;
  readonly revision: number;
  readonly rules: readonly Rule[];
  readonly links: readonly Link[];
}

/** What an invariant may look at besides the facts. */
export interface View {
  readonly turn: number;
  readonly nowMs: number;
  readonly homes: readonly Home[];
  /** Since when nothing is broken, as far as lines, disks, brokers and the NATS server go. Infinity: something is. */
  readonly calmSinceMs: number;
}

export interface Invariant {
  readonly name: string;
  sent?(message: SentMessage): void;
  settled?(message: SentMessage, outcome: Outcome, view: View): void;
  delivered?(delivery: Delivery, view: View): void;
  policy?(policy: PolicyInForce): void;
  /** A guest has a session, or has a ring registered: it was told so. */
  sessionUp?(guest: string, view: View): void;
  ringUp?(guest: string, port: number, view: View): void;
  /** The broker told a sender that messages of its were not delivered. */
  undelivered?(sender: string, receiverDomid: number, port: number | null, messages: number): void;
  /** A guest's process was killed: what it had under way has no outcome. */
  guestKilled?(guest: string, view: View): void;
  /** The operator revoked the guest's key; from `keyRenewed` on the guest uses a new one. */
  keyRevoked?(guest: string): void;
  /** The microphone gave this frame to the record stream of a VM, or a VM heard it; null: a frame that it never gave. */
  spoke?(to: string, frame: number, view: View): void;
  heard?(guest: string, frame: number | null, view: View): void;
  /** The AudioVM gave these bytes to the sound server, as those of `of`. */
  played?(of: string, bytes: Uint8Array, view: View): void;
  /** A DHCP client was told that it has this address, or gives it back. */
  leased?(guest: string, ipv4: number): void;
  released?(guest: string, ipv4: number): void;
  /** A frame came out of a link. */
  frame?(guest: string, frame: Uint8Array): void;
  /** A program said so many bytes of a stream, or their end; a program read them. */
  streamWrote?(flow: StreamFlow, bytes: number, isEnd: boolean): void;
  streamRead?(flow: StreamFlow, reader: unknown, bytes: Uint8Array, isEnd: boolean): void;
  /** The mixer says that a VM shall be mute; `answer`: what the AudioVM says that it is then, null: nothing. */
  muting?(of: string, isMuted: boolean): void;
  muted?(of: string, isMuted: boolean, answer: boolean | null, view: View): void;
  keyRenewed?(guest: string): void;
  /** After each event. */
  step?(view: View): void;
  /** All faults are healed, and nothing is under way. */
  quiet?(view: View): void | Promise<void>;
}

export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}
