/** The argument of `vm.flow`, and how it becomes an open flow. */
import type { BrokerQuestions } from '../engine/broker-questions.ts';
import { FlowSend } from '../engine/sending/flow-send.ts';
import type { Sends } from '../engine/sending/sends.ts';
import { wordError } from '../errors.ts';
import { DEFAULT_FLOW_WINDOW_BYTES, MIN_FLOW_WINDOW_BYTES } from '../limits.ts';
import type { Platform } from '../platform.ts';
import { requestFault, type SendvRequest } from '../sendv-request.ts';
import { OpenFlow } from './open-flow.ts';

export interface FlowRequest {
  readonly to: SendvRequest['to'];
  /** Port of one of the sender's rings, for replies; 0 (default) = none. */
  readonly from?: number;
  /** Message type of all messages that `send` gives no other, u32 (default 0). */
  readonly type?: number;
  /**
   * Milliseconds that each message waits for a session and for room in a full ring; then it is refused (ETIMEDOUT, `not-sent`).
   * The broker's answer has no limit. Absent = a message waits as long as it takes.
   */
  readonly deadline?: number;
  /** Frame bytes (payload + 28) without an outcome at which `send` returns no room; default 1 MiB, at most `queueBytes`. */
  readonly windowBytes?: number;
}

const NOTHING = new Uint8Array(0);

/** What a flow needs of its VM. */
export interface FlowParts {
  readonly questions: BrokerQuestions;
  readonly sends: Sends;
  readonly queueBytes: number;
  readonly platform: Platform;
  readonly onListenerError: (error: unknown) => void;
}

/** @throws ArgusError EINVAL, EACCES (no such domain, or none that policy lets you see), ECONNRESET */
export async function openFlow(request: FlowRequest, parts: FlowParts): Promise<OpenFlow> {
  const { to, from = 0, type = 0, deadline, windowBytes = DEFAULT_FLOW_WINDOW_BYTES } = request;
  const { questions, sends, queueBytes, platform, onListenerError } = parts;
  const fault = requestFault({ to, from, type, iov: NOTHING, ...(deadline === undefined ? {} : { deadline }) }, 0);
  if (fault !== null) throw fault;
  if (windowBytes >>> 0 !== windowBytes || windowBytes < MIN_FLOW_WINDOW_BYTES || windowBytes > queueBytes)
    throw wordError(
      'EINVAL',
      'flow',
      `windowBytes ${windowBytes}: expected ${MIN_FLOW_WINDOW_BYTES} … ${queueBytes} (queueBytes)`,
    );
  const { domain, port } = to;
  const name = typeof domain === 'string' ? domain : null;
  if (name !== null) await questions.domidOf(name, 'flow');
  return new OpenFlow(
    {
      take: (flow) => new FlowSend(flow, name, typeof domain === 'number' ? domain : -1, port),
      transmit: (send, number, payload, messageType) =>
        sends.stream(send, number, payload, from, messageType, deadline),
      withdraw: (flow) => sends.withdraw(flow),
      defer: platform.defer,
    },
    windowBytes,
    type,
    onListenerError,
  );
}
