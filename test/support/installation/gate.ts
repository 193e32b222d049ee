/** A carrier that a test can hold: bytes from the broker stop at the gate until it is opened. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A unix socket, or a port of the loopback. */
export type GateEnd = { readonly path: string } | { readonly host: string; readonly port: number };

export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #broker: Socket | null = null;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens at `at` (port 0: any) and passes bytes to and from `target`. */
  static async open(at: GateEnd, target: GateEnd): Promise<Gate> {
    const server = createServer();
    const gate = new Gate(server);
    server.on('connection', (near) => gate.#join(near, connect(target)));
    await new Promise<void>((resolve) => server.listen(at, resolve));
    return gate;
  }

  /** The port that it listens on, if it listens on TCP. */
  get tcpPort(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Stops reading from the broker. */
  shut(): void {
    this.#broker?.pause();
  }

  release(): void {
    this.#broker?.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket, far: Socket): void {
    this.#broker = far;
    far.on('data', (chunk) => void near.write(chunk));
    near.on('data', (chunk) => void far.write(chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }
}
