/** A wiretap on a domain's carrier: passes bytes in both directions and keeps a copy of the first that the domain sent. */
import { connect, createServer, type Server } from 'node:net';

const KEPT_BYTES = 65_536;

export class Tap {
  readonly path: string;
  readonly #server: Server;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #onMore: () => void = () => {};

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** Listens on `path` and forwards to the unix socket `target`. */
  static async open(path: string, target: string): Promise<Tap> {
    const server = createServer();
    const tap = new Tap(path, server);
    server.on('connection', (near) => {
      const far = connect(target);
      near.on('data', (chunk: Buffer) => tap.#keep(chunk));
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return tap;
  }

  #keep(chunk: Buffer): void {
    if (this.#keptBytes >= KEPT_BYTES) return;
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    this.#onMore();
  }

  /** Resolves when the tap has seen `bytes` bytes. */
  async recorded(bytes: number): Promise<void> {
    while (this.#keptBytes < bytes) {
      await new Promise<void>((resolve) => {
        this.#onMore = resolve;
      });
    }
  }

  /** The copy in base64, because another process gets it in a JSON argument. */
  recording(): string {
    return Buffer.concat(this.#kept).toString('base64');
  }

  close(): void {
    this.#server.close();
  }
}
