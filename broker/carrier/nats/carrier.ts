/** A carrier over NATS as the broker sees it: the broker's end of one pipe. */
import type { Carrier, CarrierHandlers } from '../carrier.ts';
import type { PipeMessage } from './pipe/message.ts';
import { Pipe, type PipeFault, type PipeHost } from './pipe/pipe.ts';

export class NatsCarrier implements Carrier {
  readonly name: string;
  readonly domain: string;
  readonly #pipe: Pipe;
  #handlers: CarrierHandlers | null = null;

  /** `onEnded` is called before the handlers are. */
  constructor(name: string, domain: string, id: number, host: PipeHost, onEnded: (fault: PipeFault | null) => void) {
    this.name = name;
    this.domain = domain;
    this.#pipe = new Pipe(id, false, host, {
      onChunk: (chunk) => this.#handlers?.onChunk(chunk),
      onDrain: () => this.#handlers?.onDrain(),
      onEnded: (fault) => {
        onEnded(fault);
        this.#handlers?.onClosed(fault === null ? undefined : `nats ${fault}`);
      },
    });
  }

  get heldBytes(): number {
    return this.#pipe.heldBytes;
  }

  open(handlers: CarrierHandlers): void {
    this.#handlers = handlers;
  }

  receive(message: PipeMessage): void {
    this.#pipe.receive(message);
  }

  /** The server is gone, and all messages in transit are lost. */
  lost(): void {
    this.#pipe.abandon();
    this.#handlers?.onClosed('nats LOST');
  }

  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean {
    return this.#pipe.write(buffers, onWritten);
  }

  pause(): void {
    this.#pipe.pause();
  }

  resume(): void {
    this.#pipe.resume();
  }

  end(): void {
    this.#pipe.end();
  }

  destroy(): void {
    this.#pipe.destroy();
  }
}
