/** A session in memory: the test delivers messages and events in the order that it wants, and sees what is sent. */
import type { DomainSession } from '../../../clients/agents/network/kept-ring.ts';
import { FlowSend } from '../../../clients/sdk/engine/sending/flow-send.ts';
import { ArgusError } from '../../../clients/sdk/errors.ts';
import { Emitter, type EventListener } from '../../../clients/sdk/events.ts';
import type { Message, Ring as PublicRing, SendvRequest, VmEvents, VmState } from '../../../clients/sdk/index.ts';
import { Ring } from '../../../clients/sdk/ring.ts';
import type { FlowRequest } from '../../../clients/sdk/streams/flow-request.ts';
import { OpenFlow } from '../../../clients/sdk/streams/open-flow.ts';

export class SessionDouble implements DomainSession {
  readonly name: string;
  state: VmState = 'connected';
  readonly sent: SendvRequest[] = [];
  /** Ports at which no ring is given, and why. */
  readonly refused = new Map<number, Error>();
  /** The outcome of each send: a test makes it wait, or fail. */
  outcome: (request: SendvRequest) => Promise<void> = () => Promise.resolve();
  readonly #rings = new Map<number, Ring>();
  readonly #events = new Emitter<VmEvents>((error) => {
    throw error;
  });

  constructor(name: string) {
    this.name = name;
  }

  on<Name extends keyof VmEvents>(name: Name, listener: EventListener<VmEvents[Name]>): never {
    this.#events.on(name, listener);
    return this as never;
  }

  off<Name extends keyof VmEvents>(name: Name, listener: EventListener<VmEvents[Name]>): never {
    this.#events.off(name, listener);
    return this as never;
  }

  registerRing({
    port,
    partner,
    length,
  }: {
    port: number;
    partner: number | string;
    length: number;
  }): Promise<PublicRing> {
    const refusal = this.refused.get(port);
    if (refusal !== undefined) return Promise.reject(refusal);
    const ring = new Ring(port, partner, length, {
      credit: () => true,
      owes: () => {},
      unregister: async (each) => each.end(null),
      schedule: () => () => {},
      now: () => 0,
    });
    this.#rings.set(port, ring);
    return Promise.resolve(ring);
  }

  /** Rings that it has given. */
  get rings(): number {
    return this.#rings.size;
  }

  async sendv(request: SendvRequest): Promise<number> {
    this.sent.push(request);
    await this.outcome(request);
    return 0;
  }

  /** Its messages are among `sent`, and `outcome` decides them too. */
  async flow({ to, from = 0, type = 0, windowBytes = 1_048_576, deadline }: FlowRequest): Promise<OpenFlow> {
    const fail = (error: unknown): never => {
      throw error;
    };
    const flow: OpenFlow = new OpenFlow(
      {
        take: (owner) => new FlowSend(owner, null, -1, to.port),
        transmit: (send, number, payload, messageType) => {
          send.reuse(number, payload.length);
          const request = { to, from, type: messageType, iov: Buffer.from(payload) };
          const sent = deadline === undefined ? request : { ...request, deadline };
          this.sent.push(sent);
          this.outcome(sent).then(
            () => flow.outcome(send, null),
            (error: unknown) => flow.outcome(send, error instanceof ArgusError ? error : fail(error)),
          );
        },
        withdraw: () => {},
        defer: queueMicrotask,
      },
      windowBytes,
      type,
      fail,
    );
    return flow;
  }

  deliver(
    port: number,
    payload: Uint8Array,
    source: { readonly name: string; readonly domid: number },
    type = 0,
  ): void {
    const message: Message = { source: { ...source, labels: [] }, port, type, payload };
    this.#rings.get(port)?.deliver(message);
  }

  emit<Name extends keyof VmEvents>(name: Name, event: VmEvents[Name]): void {
    this.#events.emit(name, event);
  }
}
