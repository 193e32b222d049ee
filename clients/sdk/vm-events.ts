/** What a VM tells its listeners. */
import type { ArgusError } from './errors.ts';
import type { Ring } from './ring.ts';

export interface RingAddress {
  readonly domid: number;
  /** Null = every port of the domain. */
  readonly port: number | null;
}

/** Accepted messages of ours that will not be read (`revoked`) or may not have been read (`peer-gone`). */
export interface Undelivered extends RingAddress {
  readonly messages: number;
  /** With `revoked` payload bytes; with `peer-gone` ring bytes, in which a message occupies 16 plus its payload in 16s. */
  readonly bytes: number;
}

export interface VmEvents {
  /** A ring that refused with EAGAIN has room again. */
  space: { readonly domid: number; readonly port: number };
  /** A receiver is gone: the messages and bytes of yours that it may not have consumed. */
  'peer-gone': Undelivered;
  /** Messages that had been accepted were removed before delivery, because policy no longer permits them. */
  revoked: Undelivered;
  /** The broker closed a ring of ours: policy no longer permits it (EACCES), or it could not be registered again. */
  'ring-closed': { readonly ring: Ring; readonly reason: ArgusError };
  /** The authority renewed this domain's credential; it is in the directory. Seconds since 1970-01-01 UTC. */
  renewed: { readonly expiresAt: number };
  /**
   * This domain's credential ends soon, and was not renewed: nobody was asked (`reason` null), or it did not work. Once a
   * day. At its end the session ends with ERR_CLIENT_CREDENTIAL_EXPIRED.
   */
  expiring: { readonly expiresAt: number; readonly reason: Error | null };
  /** Another policy is in force. */
  revision: { readonly revision: number };
  /**
   * The labels of this domain (`isSelf`) or of one that it has heard from are new or others than before: something was
   * granted, or taken back. Comes after `revision`, and in each session with the first introduction.
   */
  labels: {
    readonly domid: number;
    readonly name: string;
    readonly labels: readonly string[];
    readonly isSelf: boolean;
  };
  /** The session ended; `inFlight` sends were rejected with ECONNRESET because their outcome is unknown. */
  disconnected: { readonly reason: ArgusError; readonly inFlight: number; readonly isFinal: boolean };
  /** A new session is up: the rings are registered and waiting sends are being written. */
  reconnected: { readonly domid: number; readonly revision: number };
  /** Something that no call can report: an attempt to reconnect that failed. The next one follows. */
  error: ArgusError;
}
