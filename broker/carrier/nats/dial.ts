/** A domain's end: dials the server, opens a pipe to its broker. What the SDK's NATS carrier is made of. */
import { NatsCarrierError } from './errors.ts';
import { type Line, openLine } from './line.ts';
import type { NatsEnd } from './listen.ts';
import { decodeMessage } from './message.ts';
import { Pipe, type PipeFault } from './pipe.ts';
import { domainSubjects } from './subjects.ts';

export interface DialHandlers {
  onChunk(chunk: Uint8Array): void;
  onDrain(): void;
  /** Once. */
  onClosed(error: NatsCarrierError | null): void;
}

export interface DialledPipe {
  readonly isCongested: boolean;
  write(buffers: readonly Uint8Array[]): void;
  end(): void;
  destroy(): void;
}

/**
 * @param id random, PIPE_ID_BYTES wide: tells this pipe from those that the domain had before
 * @throws NatsCarrierError
 */
export async function dialNats(
  end: NatsEnd,
  names: { readonly broker: string; readonly domain: string },
  id: number,
  handlers: DialHandlers,
): Promise<DialledPipe> {
  const { up: publish, down: subscribe } = domainSubjects(names.broker, names.domain);
  let line: Line | null = null;
  let isOver = false;
  const finish = (error: NatsCarrierError | null): void => {
    if (isOver) return;
    isOver = true;
    handlers.onClosed(error);
  };
  const pipe = new Pipe(
    id,
    true,
    {
      publish: (message) => line?.publish(message),
      schedule: (delayMs, task) => {
        const timer = setTimeout(task, delayMs);
        return () => clearTimeout(timer);
      },
    },
    {
      onChunk: (chunk) => handlers.onChunk(chunk),
      onDrain: () => handlers.onDrain(),
      onEnded: (fault) => {
        line?.close();
        finish(fault === null ? null : streamError(fault));
      },
    },
  );
  line = await openLine(
    { ...end, name: `argus domain ${names.domain}`, publish, subscribe },
    {
      onMessage: (bytes) => {
        const message = decodeMessage(bytes);
        // Meant for an earlier pipe of this domain, or for nobody.
        if (message?.id === id) pipe.receive(message);
      },
      onClosed: (error) => {
        pipe.abandon();
        finish(error);
      },
    },
  );
  return {
    get isCongested() {
      return pipe.isCongested;
    },
    write: (buffers) => void pipe.write(buffers),
    end: () => pipe.end(),
    destroy: () => pipe.destroy(),
  };
}

const FAULTS: Readonly<Record<PipeFault, string>> = Object.freeze({
  GAP: 'the server lost messages between us and the broker',
  OVERRUN: 'more arrived than was asked for',
  BAD_CREDIT: 'what was never sent was said to be consumed',
  DEAF: 'the broker did not take what was left',
});

function streamError(fault: PipeFault): NatsCarrierError {
  return new NatsCarrierError('ERR_NATS_STREAM', `${FAULTS[fault]} (${fault})`);
}
