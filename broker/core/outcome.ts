/**
 * The outcome of a send. Outcomes are interned, so that an answer on the hot path allocates nothing and is compared by
 * identity.
 */
import { Status } from '../wire/index.ts';

/** The broker's answer to one send. */
export interface SendAnswer {
  readonly status: Status;
  /** A denial was recorded: the sender must not see the answer before the record is durable. */
  readonly recorded: boolean;
  /** With EMSGSIZE: the largest payload that the ring takes, bytes; else 0. */
  readonly maxMessageSize: number;
}

/** Another broker decides, and answers through the sender's sink. */
export const UNDECIDED: unique symbol = Symbol('undecided');

export type SendDecision = SendAnswer | typeof UNDECIDED;

export const ACCEPTED: SendAnswer = intern(Status.OK, false);

const REFUSALS = new Map<Status, SendAnswer>();
const DENIALS = new Map<Status, SendAnswer>();
for (const status of Object.values(Status)) {
  REFUSALS.set(status, intern(status, false));
  DENIALS.set(status, intern(status, true));
}

/** A refusal without an audit record: no ring, no room, or a malformed request. */
export function refusal(status: Status): SendAnswer {
  return REFUSALS.get(status) ?? intern(status, false);
}

/** A denial by the reference monitor, which has been recorded. */
export function denial(status: Status): SendAnswer {
  return DENIALS.get(status) ?? intern(status, true);
}

/** The answer of one ring to every message that is too large for it. The ring keeps this object. */
export function tooBig(maxMessageSize: number): SendAnswer {
  return Object.freeze({ status: Status.EMSGSIZE, recorded: false, maxMessageSize });
}

function intern(status: Status, recorded: boolean): SendAnswer {
  return Object.freeze({ status, recorded, maxMessageSize: 0 });
}
