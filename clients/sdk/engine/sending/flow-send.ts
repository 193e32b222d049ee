/**
 * A message of an open flow. It is an entry of a window, not a promise: its flow hears the outcome. The flow uses the
 * object for a later message once nothing refers to it, so that a message costs no object.
 */
import type { ArgusError } from '../../errors.ts';
import { HeldSend } from './send.ts';
import { SendBuffer } from './send-buffer.ts';

export interface FlowSendOwner {
  /** Null: the message is in the receiver's ring. */
  outcome(send: FlowSend, error: ArgusError | null): void;
}

/** Until the first message. */
const NO_CHUNK = new SendBuffer(0);

export class FlowSend extends HeldSend {
  /** The flow's number of the message. */
  number = 0;
  isDecided = false;
  readonly owner: FlowSendOwner;
  /** -1: the flow is to a name. */
  readonly domid: number;

  constructor(owner: FlowSendOwner, name: string | null, domid: number, port: number) {
    super(
      0,
      { chunk: NO_CHUNK, at: 0, isPlaced: false },
      { name, port, deadlineAt: Number.POSITIVE_INFINITY, isOrdered: true, signal: null },
    );
    this.owner = owner;
    this.domid = domid;
  }

  /** Begins the life of another message. */
  reuse(number: number, bytes: number, deadlineAt = Number.POSITIVE_INFINITY): void {
    this.number = number;
    this.bytes = bytes;
    this.deadlineAt = deadlineAt;
    this.isDecided = false;
    this.order = null;
    this.phase = 'waiting';
  }

  override accept(): void {
    this.owner.outcome(this, null);
  }

  override fail(error: ArgusError): void {
    this.owner.outcome(this, error);
  }
}
