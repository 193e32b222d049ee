/** The bucket of a NATS server in memory, which can do all that a lying or broken server can. */
import { type Bucket, type BucketHandlers, NatsCarrierError } from '../../../broker/carrier/index.ts';

export class MemoryBucket {
  readonly values = new Map<string, Uint8Array>();
  /** Keys in the order in which they were read. */
  readonly reads: string[] = [];
  readonly writes: string[] = [];
  readonly #lines = new Set<BucketHandlers>();
  isReachable = true;
  /** Called before each answer. */
  beforeRead: (key: string) => void = () => undefined;

  /** A line of a broker or an admin. */
  readonly open = async (handlers: BucketHandlers): Promise<Bucket> => {
    if (!this.isReachable) throw unreachable();
    this.#lines.add(handlers);
    const alive = (): void => {
      if (!this.#lines.has(handlers)) throw new NatsCarrierError('ERR_NATS_LOST', 'the line ended');
    };
    return {
      read: async (key) => {
        alive();
        this.beforeRead(key);
        this.reads.push(key);
        return this.values.get(key) ?? null;
      },
      write: async (key, value) => {
        alive();
        this.writes.push(key);
        this.values.set(key, Uint8Array.from(value));
      },
      keys: async (prefix) => [...this.values.keys()].filter((key) => key.startsWith(`${prefix}.`)),
      make: async () => alive(),
      announce: () => this.announce(),
      close: () => this.#end(handlers),
    };
  };

  announce(): void {
    for (const { onPublished } of this.#lines) onPublished();
  }

  /** The server is gone: all lines end, and no line can be opened. */
  lose(): void {
    this.isReachable = false;
    for (const handlers of [...this.#lines]) this.#end(handlers);
  }

  copyOf(): Map<string, Uint8Array> {
    return new Map(this.values);
  }

  /** The server holds this instead, as after a restore. */
  restore(values: ReadonlyMap<string, Uint8Array>): void {
    this.values.clear();
    for (const [key, value] of values) this.values.set(key, value);
  }

  get openLines(): number {
    return this.#lines.size;
  }

  #end(handlers: BucketHandlers): void {
    if (this.#lines.delete(handlers)) handlers.onClosed();
  }
}

function unreachable(): NatsCarrierError {
  return new NatsCarrierError('ERR_NATS_UNREACHABLE', 'nats server: not reached');
}
