/**
 * Represents a domain of another broker. Its events are sent to its home. It has no rings here, so no message is ever
 * delivered to it.
 */
import type { DomainState, FrameSink } from '../core/index.ts';
import { type BrokerFrame, encodeBrokerFrame, Op } from '../wire/index.ts';
import { encodeFederationFrame, FederationOp } from './frames.ts';

type ProxyEvent = Extract<BrokerFrame, { readonly op: typeof Op.space | typeof Op.peerGone | typeof Op.revoked }>;

export function isForProxy(frame: BrokerFrame): frame is ProxyEvent {
  return frame.op === Op.space || frame.op === Op.peerGone || frame.op === Op.revoked;
}

export class RemoteDomainSink implements FrameSink {
  readonly departed = 0;
  readonly #state: DomainState;
  readonly #queue: (frame: Uint8Array) => void;

  constructor(state: DomainState, queue: (frame: Uint8Array) => void) {
    this.#state = state;
    this.#queue = queue;
  }

  deliver(): void {}

  holdForRecords(): void {}

  event(frame: BrokerFrame): void {
    if (isForProxy(frame))
      this.#queue(encodeFederationFrame(FederationOp.event, this.#state.domain.domid, encodeBrokerFrame(frame)));
  }

  introduce(): void {}
}
