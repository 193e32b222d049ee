/**
 * The window's way back: the receiver tells the sender how much has arrived, over a unix socket of their own.
 *
 * Every arm uses it alike, and no broker carries it, so that the window is end to end (clients and brokers may buffer as they like, but
 * never more than it) and costs the broker nothing.
 */
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

const COUNT_BYTES = 4;

/** The receiver's side. */
export class CreditGiver {
  #sender: Socket | undefined;
  #quantum = 1;
  #owed = 0;

  private constructor(server: Server) {
    server.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      this.#sender = socket;
    });
  }

  static async listen(path: string): Promise<CreditGiver> {
    const server = createServer().listen(path);
    await once(server, 'listening');
    return new CreditGiver(server);
  }

  /** One note for `quantum` messages: rare enough to cost nothing, often enough for the sender not to wait for it. */
  start(quantum: number): void {
    this.#quantum = quantum;
    this.#owed = 0;
  }

  delivered(): void {
    this.#owed += 1;
    if (this.#owed < this.#quantum) return;
    const note = Buffer.allocUnsafe(COUNT_BYTES);
    note.writeUInt32LE(this.#owed, 0);
    this.#sender?.write(note);
    this.#owed = 0;
  }
}

/** The sender's side. */
export class CreditTaker {
  #granted = 0;
  #wake: () => void = () => {};
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async connect(path: string): Promise<CreditTaker> {
    const socket = createConnection(path);
    await once(socket, 'connect');
    return new CreditTaker(socket);
  }

  /** Messages known to have arrived since `start`. */
  get granted(): number {
    return this.#granted;
  }

  start(): void {
    this.#granted = 0;
  }

  /** Resolves with the next note, or when `wake` is called. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; bytes.length - at >= COUNT_BYTES; at += COUNT_BYTES) this.#granted += bytes.readUInt32LE(at);
    this.#rest = bytes.subarray(at);
    this.#wake();
  }
}
