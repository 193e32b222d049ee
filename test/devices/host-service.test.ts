/** Services of the host over vsock: bytes both ways, credit, the ends of a connection, and what a hostile guest tries. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostServices } from '../../clients/devices/host-service/index.ts';
import { HOST_STREAM_WINDOW_BYTES, MAX_HOST_STREAMS_PER_PEER } from '../../clients/devices/host-service/limits.ts';
import { type Exchange, Operation, type PeerMessage, SocketType } from '../../clients/devices/vsock/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const service = suite('services of the host over vsock');
const PEER = 9;
const PORT = 5_000;

interface Sent extends PeerMessage {
  readonly text: string;
  readonly refuse: (code: string) => void;
}

/** The broker: what the services said, in order. */
class TestExchange implements Exchange {
  readonly cid = 7;
  underWayBytes = 0;
  readonly #sent: Sent[] = [];
  #wake = (): void => {};

  send(_peer: number, _port: number, message: PeerMessage, payload: Uint8Array, refuse: (code: string) => void): void {
    this.#sent.push({ ...message, text: Buffer.from(payload).toString(), refuse });
    this.#wake();
  }

  expectAnswers(): Promise<boolean> {
    return Promise.resolve(true);
  }

  endAnswers(): void {}

  get waiting(): number {
    return this.#sent.length;
  }

  /** What was said so far. */
  take(): Sent[] {
    return this.#sent.splice(0);
  }

  async next(): Promise<Sent> {
    for (;;) {
      const sent = this.#sent.shift();
      if (sent !== undefined) return sent;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

interface Fixture {
  readonly exchange: TestExchange;
  readonly services: HostServices;
  readonly guest: (operation: Operation, text?: string, more?: Partial<PeerMessage>) => void;
  /** The service's end of the next connection. */
  readonly accepted: () => Promise<Socket>;
  /** A connection that is open at both ends. */
  readonly open: (more?: Partial<PeerMessage>) => Promise<Socket>;
}

async function withService(run: (fixture: Fixture) => Promise<void>): Promise<void> {
  const path = join(temporaryDirectory(), 'service');
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => sockets.push(socket.on('error', () => {})));
  server.listen(path);
  await once(server, 'listening');
  const exchange = new TestExchange();
  const services = new HostServices(exchange, [
    { port: PORT, socket: path },
    { port: 6_000, socket: `${path}-that-is-not-there` },
  ]);
  const guest = (operation: Operation, text = '', more: Partial<PeerMessage> = {}): void => {
    const message = {
      ...{ operation, type: SocketType.stream, sourcePort: 1_000, destinationPort: PORT },
      ...{ flags: 0, bufAlloc: 1_000_000, fwdCnt: 0 },
      ...more,
    };
    services.received(PEER, message.destinationPort, message, Buffer.from(text));
  };
  let taken = 0;
  const accepted = async (): Promise<Socket> => {
    for (;;) {
      const socket = sockets[taken];
      if (socket !== undefined) {
        taken++;
        return socket;
      }
      await once(server, 'connection');
    }
  };
  const open = async (more: Partial<PeerMessage> = {}): Promise<Socket> => {
    guest(Operation.request, '', more);
    assert.is((await exchange.next()).operation, Operation.response);
    return accepted();
  };
  try {
    await run({ exchange, services, guest, accepted, open });
  } finally {
    services.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function read(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) text += String((await once(socket, 'data'))[0]);
  return text;
}

service('bytes pass both ways, and each side hears the end of the other', () =>
  withService(async ({ exchange, services, guest, open }) => {
    const socket = await open();
    guest(Operation.data, 'hello ');
    guest(Operation.data, 'service');
    assert.is(await read(socket, 13), 'hello service');
    socket.write('hello guest');
    const { operation, text, sourcePort, destinationPort } = await exchange.next();
    assert.equal([operation, text, sourcePort, destinationPort], [Operation.data, 'hello guest', PORT, 1_000]);
    const ended = once(socket, 'end');
    guest(Operation.shutdown, '', { flags: 2 });
    await ended;
    socket.end('and good-bye');
    assert.is((await exchange.next()).text, 'and good-bye');
    const shutdown = await exchange.next();
    assert.equal([shutdown.operation, shutdown.flags], [Operation.shutdown, 2]);
    guest(Operation.shutdown, '', { flags: 3 });
    assert.is((await exchange.next()).operation, Operation.reset);
    assert.is(services.connections, 0);
  }),
);

service('the service is read as far as the guest has given credit', () =>
  withService(async ({ exchange, guest, open }) => {
    const socket = await open({ bufAlloc: 10 });
    socket.write('0123456789abcdefghij');
    assert.is((await exchange.next()).text, '0123456789');
    assert.is(exchange.waiting, 0);
    guest(Operation.creditUpdate, '', { bufAlloc: 10, fwdCnt: 4 });
    assert.is((await exchange.next()).text, 'abcd');
    guest(Operation.creditUpdate, '', { bufAlloc: 10, fwdCnt: 14 });
    assert.is((await exchange.next()).text, 'efghij');
  }),
);

service('while the broker is behind, the service is not read; then it goes on', () =>
  withService(async ({ exchange, services, guest, open }) => {
    const socket = await open();
    exchange.underWayBytes = 2_000_000;
    socket.write('later');
    await new Promise((resolve) => setImmediate(resolve));
    guest(Operation.creditRequest);
    assert.is((await exchange.next()).operation, Operation.creditUpdate);
    exchange.underWayBytes = 0;
    services.settled();
    assert.is((await exchange.next()).text, 'later');
  }),
);

service('the guest hears what the service has taken', () =>
  withService(async ({ exchange, guest, open }) => {
    const socket = await open();
    const piece = 'x'.repeat(65_536);
    guest(Operation.data, piece);
    await read(socket, piece.length);
    const update = await exchange.next();
    assert.equal([update.operation, update.fwdCnt], [Operation.creditUpdate, piece.length]);
  }),
);

for (const [rule, act] of [
  [
    'more than the credit',
    ({ guest }) => {
      for (let sent = 0; sent <= HOST_STREAM_WINDOW_BYTES; sent += 65_536) guest(Operation.data, 'x'.repeat(65_536));
    },
  ],
  ['a second request', ({ guest }) => guest(Operation.request)],
  ['a response', ({ guest }) => guest(Operation.response)],
  [
    'data after it said that none follows',
    ({ guest }) => {
      guest(Operation.shutdown, '', { flags: 2 });
      guest(Operation.data, 'more');
    },
  ],
] as readonly (readonly [string, (fixture: Fixture) => void])[])
  service(`${rule} ends the connection on both sides`, () =>
    withService(async (fixture) => {
      const socket = await fixture.open();
      const closed = once(socket.resume(), 'close').then(() => socket.destroyed);
      socket.on('end', () => socket.end());
      act(fixture);
      assert.is(fixture.exchange.take().at(-1)?.operation, Operation.reset, 'at once');
      assert.is(await closed, true);
      assert.is(fixture.services.connections, 0);
    }),
  );

service('a service that is not there, a port that is not offered, and SEQPACKET are the same reset', () =>
  withService(async ({ exchange, guest, services }) => {
    for (const more of [{ destinationPort: 6_000 }, { destinationPort: 5_001 }, { type: SocketType.seqpacket }]) {
      guest(Operation.request, '', more);
      const { operation, flags, bufAlloc, fwdCnt } = await exchange.next();
      assert.equal([operation, flags, bufAlloc, fwdCnt], [Operation.reset, 0, 0, 0]);
    }
    guest(Operation.reset, '', { destinationPort: 5_001 });
    assert.is(exchange.waiting, 0, 'a reset is not answered');
    assert.is(services.connections, 0);
  }),
);

service('a domain has so many connections, and one that ends makes room', () =>
  withService(async ({ exchange, services, guest }) => {
    for (let port = 0; port < MAX_HOST_STREAMS_PER_PEER; port++) {
      guest(Operation.request, '', { sourcePort: port });
      assert.is((await exchange.next()).operation, Operation.response);
    }
    guest(Operation.request, '', { sourcePort: 500 });
    assert.is((await exchange.next()).operation, Operation.reset);
    guest(Operation.reset, '', { sourcePort: 0 });
    assert.is(services.connections, MAX_HOST_STREAMS_PER_PEER - 1);
    guest(Operation.request, '', { sourcePort: 500 });
    assert.is((await exchange.next()).operation, Operation.response);
  }),
);

service('a refusal, a lost peer and a new policy reach the connection', () =>
  withService(async ({ exchange, services, open }) => {
    const first = await open();
    services.policyChanged();
    const [probe] = exchange.take();
    assert.is(probe?.operation, Operation.creditRequest);
    const closed = once(
      first.resume().on('end', () => first.end()),
      'close',
    );
    probe?.refuse('EACCES');
    await closed;
    assert.is((await exchange.next()).operation, Operation.reset);
    const second = await open({ sourcePort: 1_001 });
    const gone = once(
      second.resume().on('end', () => second.end()),
      'close',
    );
    services.lost(PEER + 1, null);
    assert.is(services.connections, 1);
    services.lost(PEER, PORT);
    await gone;
    assert.is(services.connections, 0);
    assert.is(exchange.waiting, 0);
  }),
);

service.run();
