/** The dialling end of a pipe: from a domain to its broker (the SDK's NATS carrier uses it), or between two brokers. */
import { NatsCarrierError } from './errors.ts';
import { TLS_FRAGMENT_BYTES } from './limits.ts';
import { type LineHost, NODE_LINE_HOST } from './line/line-host.ts';
import type { LinePace } from './line/line-reader.ts';
import type { ServerConnection } from './line/server-connection.ts';
import type { NatsEnd } from './listen.ts';
import { decodeMessage, MessageKind, NO_PIPE } from './pipe/message.ts';
import { Pipe, type PipeFault } from './pipe/pipe.ts';
import type { Subjects } from './subjects.ts';

export interface DialHandlers {
  onChunk(chunk: Uint8Array): void;
  onDrain(): void;
  /** Once. */
  onClosed(error: NatsCarrierError | null): void;
}

export interface DialledPipe {
  readonly isCongested: boolean;
  /** False asks to stop until `onDrain`. `onWritten`: see Carrier. */
  write(buffers: readonly Uint8Array[], onWritten?: () => void): boolean;
  pause(): void;
  resume(): void;
  end(): void;
  destroy(): void;
}

/**
 * @param id random, PIPE_ID_BYTES wide: tells this pipe from earlier ones of the domain
 * @param pace makes the job that pays for reading; null in a process that serves only this line
 * @throws NatsCarrierError
 */
export async function dialNats(
  end: NatsEnd,
  /** Name of this client, for the server's log. */
  name: string,
  subjects: Subjects,
  id: number,
  handlers: DialHandlers,
  pace: LinePace | null = null,
  host: LineHost = NODE_LINE_HOST,
): Promise<DialledPipe> {
  const { up: publish, down: subscribe } = subjects;
  let line: ServerConnection | null = null;
  let isOver = false;
  /** The first piece, kept until a message has arrived: see NO_PIPE. A second copy of it is an ordinary duplicate. */
  let opening: Uint8Array | null = null;
  let isHeard = false;
  const repeatOpening = (): void => {
    const said = opening;
    if (said !== null) line?.publish(said.length, (message) => message.set(said));
  };
  const finish = (error: NatsCarrierError | null): void => {
    if (isOver) return;
    isOver = true;
    handlers.onClosed(error);
  };
  /**
   * The listener has a new connection and has lost its pipes. Without this, we would notice only by an unanswered ping.
   */
  const begunAnew = (): void => {
    pipe.abandon();
    finish(new NatsCarrierError('ERR_NATS_STREAM', 'the broker has come to the server again, without this session'));
    line?.close();
  };
  const pipe = new Pipe(
    id,
    true,
    {
      get fragmentBytes() {
        return line?.fragmentBytes ?? TLS_FRAGMENT_BYTES;
      },
      get waitingBytes() {
        return line?.waitingBytes ?? 0;
      },
      publish: (length, write) => {
        if (isHeard || opening !== null) {
          line?.publish(length, write);
          return;
        }
        opening = new Uint8Array(length);
        write(opening);
        repeatOpening();
      },
      nextTurn: (task) => host.nextTurn(task),
      schedule: (delayMs, task) => host.schedule(delayMs, task),
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
  line = await host.connect(
    { ...end, name, publish, subscribe, pace },
    {
      onMessage: (bytes) => {
        const message = decodeMessage(bytes);
        // Other messages were for an earlier pipe of this end, or for no pipe.
        if (message?.id === id) {
          isHeard = true;
          opening = null;
          pipe.receive(message);
        } else if (message?.id === NO_PIPE && message.kind === MessageKind.close) {
          if (opening !== null) repeatOpening();
          else begunAnew();
        }
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
    write: (buffers, onWritten) => pipe.write(buffers, onWritten),
    pause: () => pipe.pause(),
    resume: () => pipe.resume(),
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
