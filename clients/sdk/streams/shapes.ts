/** A byte stream in the shapes that programs know: the web's pair of streams, and Node's Duplex. */
import { Duplex } from 'node:stream';
import { ReadableStream, WritableStream } from 'node:stream/web';
import type { ArgusError } from '../errors.ts';
import type { Ring } from '../ring.ts';
import type { OpenFlow } from './open-flow.ts';
import { StreamReader, StreamWriter } from './stream-ends.ts';

/** The flow and the ring of one stream. Nothing else may use them. */
export interface StreamEnds {
  readonly flow: OpenFlow;
  /** Its partner is one domain. */
  readonly ring: Ring;
}

export interface StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** @throws ArgusError EINVAL: the ring takes messages of any domain */
export function webStreams({ flow, ring }: StreamEnds): StreamPair {
  const reader = new StreamReader(ring);
  const writer = new StreamWriter(flow);
  return {
    readable: new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const bytes = await reader.read();
          if (bytes === null) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => ring.close(),
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream<Uint8Array>({
      start: (controller) => writer.onFailure((error) => controller.error(error)),
      write: (chunk) => writer.write(chunk),
      close: () => writer.end(),
      abort: () => writer.abort(),
    }),
  };
}

/** @throws ArgusError EINVAL: the ring takes messages of any domain */
export function nodeDuplex({ flow, ring }: StreamEnds): Duplex {
  const reader = new StreamReader(ring);
  const writer = new StreamWriter(flow);
  const duplex = new Duplex({
    read() {
      reader.read().then(
        (bytes) => void this.push(bytes),
        (error: Error) => void this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      settle(writer.write(chunk), done);
    },
    final(done) {
      settle(writer.end(), done);
    },
    destroy(error, done) {
      if (!this.writableFinished) writer.abort();
      settle(ring.close(), () => done(error));
    },
  });
  writer.onFailure((error: ArgusError) => void duplex.destroy(error));
  return duplex;
}

function settle(promise: Promise<void>, done: (error?: Error | null) => void): void {
  promise.then(
    () => done(),
    (error: Error) => done(error),
  );
}
