/**
 * A NATS server of the simulation, and the lines of domains over it. What the product has at both sides of the server is
 * real: listeners, dialling, pipes, and the reader of a line with its share. The server keeps the order of a connection; as
 * a fault it loses messages, repeats them, lets one overtake the next, or is started again and loses all that is under way.
 */
import type { Accept, NatsEnd } from '../../../broker/carrier/index.ts';
import { dialNats } from '../../../broker/carrier/nats/dial.ts';
import { NatsCarrierError } from '../../../broker/carrier/nats/errors.ts';
import { PLAIN_FRAGMENT_BYTES } from '../../../broker/carrier/nats/limits.ts';
import type { LineHost } from '../../../broker/carrier/nats/line/line-host.ts';
import { type LinePace, LineReader } from '../../../broker/carrier/nats/line/line-reader.ts';
import type {
  ServerConnection,
  ServerConnectionHandlers,
  ServerConnectionOptions,
} from '../../../broker/carrier/nats/line/server-connection.ts';
import { NatsListener } from '../../../broker/carrier/nats/listen.ts';
import { domainSubjects, type Subjects } from '../../../broker/carrier/nats/subjects.ts';
import type { CarrierEvents, ClientCarrier } from '../../../clients/sdk/carriers/carrier.ts';
import { Random } from '../../support/random.ts';
import type { GuestLine, LineState } from './network.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** How long the server is away when it is started again. */
const RESTART_MS = 300;
export const NOBODY: NatsEnd = { host: 'simulated', tcpPort: 4222, seed: new Uint8Array(0), ca: null };

/** Once in so many messages; 0 = never. */
export interface ServerFaults {
  lostOneIn: number;
  repeatedOneIn: number;
  overtakenOneIn: number;
}

export const NO_FAULTS: ServerFaults = Object.freeze({ lostOneIn: 0, repeatedOneIn: 0, overtakenOneIn: 0 });

interface Published {
  readonly bytes: Uint8Array;
  readonly turn: number;
  /** How many messages of these bytes come in one read of the connection. */
  readonly times: number;
}

/** One end's connection: what it is to hear, in the order in which the server has it. */
class Connection implements ServerConnection {
  readonly fragmentBytes = PLAIN_FRAGMENT_BYTES;
  readonly subject: string;
  readonly #server: NatsServer;
  readonly #publish: string;
  readonly #handlers: ServerConnectionHandlers;
  readonly process: Process;
  readonly #reader: LineReader;
  readonly #state: LineState;
  readonly #onReading: (writtenAt: number | null) => void;
  #queue: Published[] = [];
  #isMoving = false;
  #isPaused = false;
  #isClosed = false;

  constructor(
    server: NatsServer,
    { publish, subscribe, pace }: Pick<ServerConnectionOptions, 'publish' | 'subscribe' | 'pace'>,
    handlers: ServerConnectionHandlers,
    process: Process,
    state: LineState,
    onReading: (writtenAt: number | null) => void,
  ) {
    this.#server = server;
    this.#publish = publish;
    this.subject = subscribe;
    this.#handlers = handlers;
    this.process = process;
    this.#state = state;
    this.#onReading = onReading;
    this.#reader = new LineReader(
      {
        pause: () => {
          this.#isPaused = true;
        },
        resume: () => {
          this.#isPaused = false;
          this.move();
        },
        broken: () => this.end(null),
      },
      { onMessage: (message) => handlers.onMessage(message), onLine: () => {} },
      pace,
    );
  }

  get waitingBytes(): number {
    return 0;
  }

  publish(length: number, write: (message: Uint8Array) => void): void {
    if (this.#isClosed || !this.process.isAlive) return;
    const bytes = new Uint8Array(length);
    write(bytes);
    this.#server.publish(this.#publish, bytes);
  }

  close(): void {
    this.end(null);
  }

  /** The connection is over; its end hears of it, if it still lives. */
  end(error: NatsCarrierError | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue = [];
    this.#reader.close();
    this.#server.forget(this);
    this.process.schedule(0, 'nats line closed', () => this.#handlers.onClosed(error));
  }

  take(message: Published): void {
    this.#queue.push(message);
    this.move();
  }

  move(): void {
    if (this.#isMoving || this.#isPaused || this.#isClosed || this.#state.isHeld || this.#queue.length === 0) return;
    this.#isMoving = true;
    const { random, faults } = this.#server;
    const { minDelayMs, maxDelayMs } = this.#state;
    const delay = minDelayMs + random.below(1 + maxDelayMs - minDelayMs);
    this.#server.scheduler.after(delay, `nats ${this.subject}`, () => {
      this.#isMoving = false;
      if (this.#isPaused || this.#isClosed || this.#state.isHeld) return;
      const [first, second] = this.#queue;
      if (second !== undefined && happens(random, faults.overtakenOneIn))
        this.#queue.splice(0, 2, second, ...several(first));
      const message = this.#queue.shift();
      if (message !== undefined) this.#deliver(message);
      this.move();
    });
  }

  #deliver({ bytes, turn, times }: Published): void {
    if (!this.process.isAlive) return;
    const head = Buffer.from(`MSG ${this.subject} 1 ${bytes.length}\r\n`, 'latin1');
    const once = Buffer.concat([head, bytes, Buffer.from('\r\n')]);
    const said = Buffer.alloc(once.length * times, once);
    this.#onReading(turn);
    this.#reader.read(said);
    this.#onReading(null);
    // Lent for the call: whoever keeps a view of it reads rubbish afterwards.
    said.fill(0);
  }
}

function several<T>(one: T | undefined): T[] {
  return one === undefined ? [] : [one];
}

function happens(random: Random, oneIn: number): boolean {
  return oneIn > 0 && random.oneIn(oneIn);
}

export class NatsServer {
  readonly scheduler: Scheduler;
  readonly random: Random;
  faults: ServerFaults = { ...NO_FAULTS };
  #isUp = true;
  readonly #connections = new Set<Connection>();

  constructor(scheduler: Scheduler, seed: number) {
    this.scheduler = scheduler;
    this.random = new Random(seed);
  }

  get isFaultless(): boolean {
    return this.#isUp && Object.values(this.faults).every((oneIn) => oneIn === 0);
  }

  /** Where `process` gets its connections and its time from. */
  hostOf(process: Process, state: LineState, onReading: (writtenAt: number | null) => void): LineHost {
    return {
      connect: (options, handlers) =>
        new Promise((resolve, reject) => {
          process.schedule(1, 'dials nats', () => {
            if (!this.#isUp || state.isHeld) {
              reject(new NatsCarrierError('ERR_NATS_UNREACHABLE', 'simulated'));
              return;
            }
            const connection = new Connection(this, options, handlers, process, state, onReading);
            this.#connections.add(connection);
            resolve(connection);
          });
        }),
      schedule: (delayMs, task) => process.schedule(delayMs, 'nats timer', task),
      nextTurn: process.atTurnsEnd,
    };
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (happens(this.random, this.faults.lostOneIn)) return;
    const times = happens(this.random, this.faults.repeatedOneIn) ? 2 : 1;
    for (const connection of this.#connections) {
      if (connection.subject !== subject) continue;
      for (let left = times; left > 0; left--) connection.take({ bytes, turn: this.scheduler.turn, times: 1 });
    }
  }

  /** It ends, with all that is under way, and is there again after a while. */
  restart(): void {
    this.#isUp = false;
    for (const connection of [...this.#connections])
      connection.end(new NatsCarrierError('ERR_NATS_LOST', 'the server ended'));
    this.scheduler.after(RESTART_MS, 'nats is back', () => {
      this.#isUp = true;
    });
  }

  /** Everything that waits for a line that was held. */
  move(): void {
    for (const connection of this.#connections) connection.move();
  }

  /** The connections of a process that is gone. */
  dropAll(process: Process): void {
    for (const connection of [...this.#connections]) if (connection.process === process) connection.end(null);
  }

  /** The connections of these subjects end without a word to the process, which is gone. */
  drop(subject: string, error: NatsCarrierError | null): void {
    for (const connection of [...this.#connections]) if (connection.subject === subject) connection.end(error);
  }

  /** A client publishes so many messages of one byte. They come in one read. */
  flood(subject: string, times: number): void {
    for (const connection of this.#connections) {
      if (connection.subject === subject)
        connection.take({ bytes: Uint8Array.of(0), turn: this.scheduler.turn, times });
    }
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }
}

/** How one domain reaches its broker over the server. */
export class NatsLine implements GuestLine {
  readonly name: string;
  readonly state: LineState;
  readingWriteOf: number | null = null;
  readonly #server: NatsServer;
  readonly #subjects: Subjects;
  readonly #broker: string;
  readonly #random: Random;
  #listener: NatsListener | null = null;

  constructor(server: NatsServer, broker: string, name: string, seed: number, state: LineState) {
    this.#server = server;
    this.#broker = broker;
    this.name = name;
    this.state = state;
    this.#subjects = domainSubjects(broker, name);
    this.#random = new Random(seed);
  }

  /** The broker's process listens from now on. */
  listen(accept: Accept, process: Process, pace: LinePace): void {
    const host = this.#server.hostOf(process, this.state, () => {});
    this.#listener = new NatsListener(NOBODY, this.#broker, this.name, this.#subjects, accept, pace, () => {}, host);
    void this.#listener.open();
  }

  async dial(
    events: CarrierEvents,
    signal: AbortSignal,
    process: Process,
  ): Promise<{ readonly guestEnd: ClientCarrier }> {
    const host = this.#server.hostOf(process, this.state, (writtenAt) => {
      this.readingWriteOf = writtenAt;
    });
    const id = Buffer.from(this.#random.bytes(6)).readUIntLE(0, 6);
    const handlers = {
      onChunk: (chunk: Uint8Array) => events.onBytes(chunk),
      onDrain: () => events.onDrain(),
      onClosed: (error: NatsCarrierError | null) => events.onClose(error),
    };
    const pipe = await dialNats(NOBODY, this.name, this.#subjects, id, handlers, null, host);
    signal.addEventListener('abort', () => pipe.destroy(), { once: true });
    if (signal.aborted) {
      pipe.destroy();
      throw signal.reason;
    }
    return {
      guestEnd: {
        get isCongested() {
          return pipe.isCongested;
        },
        write: (record, onWritten) => void pipe.write([record], onWritten),
        end: () => pipe.end(),
        destroy: () => pipe.destroy(),
      },
    };
  }

  hold(isHeld: boolean): void {
    this.state.isHeld = isHeld;
    if (!isHeld) this.#server.move();
  }

  /** The domain cuts what it says to its broker into pieces of one byte. */
  flood(pieces: number): void {
    this.#server.flood(this.#subjects.up, pieces);
  }

  /** The connections of both ends to the server break. */
  cut(): void {
    const lost = new NatsCarrierError('ERR_NATS_LOST', 'cut');
    this.#server.drop(this.#subjects.down, lost);
    this.#server.drop(this.#subjects.up, lost);
  }

  killBroker(): void {
    this.#listener = null;
    this.#server.drop(this.#subjects.up, null);
  }

  killGuest(): void {
    this.#server.drop(this.#subjects.down, null);
  }
}
