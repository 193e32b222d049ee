import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeStream, StreamFault, StreamType } from '../../../clients/agents/network/stream/message.ts';
import { StreamProxy } from '../../../clients/agents/network/stream/proxy.ts';
import { dialTcp, listenTcp } from '../../../clients/agents/network/stream/tcp.ts';
import { connect, type Ring, type Vm } from '../../../clients/sdk/index.ts';
import { type Site, startSite } from '../../support/network/site.ts';

const stream = suite('the stream proxy');
const PORT = 20_080;
const REPLY = 20_900;
const ROWS = 'p, @app, @net, stream, send, allow\np, @net, @app, stream, send, allow\n';

interface Fixture {
  readonly site: Site;
  readonly chrome: Vm;
  readonly net: Vm;
  readonly listener: StreamProxy;
  readonly connector: StreamProxy;
  readonly said: string[];
  /** A program of chrome-vm connects. */
  open(): Promise<Socket>;
  vm(domain: string): Promise<Vm>;
}

/** chrome-vm's programs reach `serve` in net-vm. Everything is closed when `use` ends. */
async function withWorld(
  serve: (socket: Socket) => void,
  use: (fixture: Fixture) => Promise<void>,
  timeoutMs = 5_000,
): Promise<void> {
  const site = await startSite({ 'policy.csv': (text) => text + ROWS });
  const vms: Vm[] = [];
  const vm = async (domain: string): Promise<Vm> => {
    const one = await connect({ carrier: site.carrierOf(domain), identity: site.identityOf(domain), reconnect: false });
    vms.push(one);
    return one;
  };
  const sockets = new Set<Socket>();
  const service = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // a reset is what some tests are about
    serve(socket);
  });
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const [chrome, net] = await Promise.all([vm('chrome-vm'), vm('net-vm')]);
  const said: string[] = [];
  const say = (line: string): number => said.push(line);
  const target = { host: '127.0.0.1', port: portOf(service) };
  const listener = new StreamProxy(net, {
    port: PORT,
    partner: 'any',
    dial: () => dialTcp(target, 1_000),
    connectTimeoutMs: timeoutMs,
    say,
  });
  const connector = new StreamProxy(chrome, {
    port: REPLY,
    partner: 'net-vm',
    dial: null,
    connectTimeoutMs: timeoutMs,
    say,
  });
  await Promise.all([listener.registered, connector.registered]);
  const door = await listenTcp({ host: '127.0.0.1', port: 0 }, (socket) => connector.connect(socket, 'net-vm', PORT));
  const open = async (): Promise<Socket> => {
    const socket = dial({ port: portOf(door), host: '127.0.0.1', allowHalfOpen: true });
    sockets.add(socket);
    socket.on('error', () => {}); // a reset is what some tests are about
    await once(socket, 'connect');
    return socket;
  };
  try {
    await use({ site, chrome, net, listener, connector, said, open, vm });
  } finally {
    for (const socket of sockets) socket.destroy();
    door.close();
    service.close();
    await Promise.all([listener.close(), connector.close()]);
    await Promise.all(vms.map((one) => one.close()));
    await site.close();
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Not `once`: it would reject with the error of the reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Bytes whose value shows their position. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at);
  return bytes;
}

const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

stream('carries bytes both ways, unchanged, larger than every window', async () => {
  await withWorld(echo, async ({ open }) => {
    const socket = await open();
    const sent = pattern(8 * 1024 * 1024);
    socket.end(sent);
    assert.ok((await readAll(socket)).equals(sent));
  });
});

stream('half-close: an answer comes after the question has ended', async () => {
  const answer = (socket: Socket): void => {
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => socket.end(`heard ${Buffer.concat(parts).toString()}`));
  };
  await withWorld(answer, async ({ open, listener, connector }) => {
    const socket = await open();
    socket.end('question');
    assert.is((await readAll(socket)).toString(), 'heard question');
    while (listener.count + connector.count > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

stream('what was sent before the end is not lost, however slowly it is read', async () => {
  const bytes = pattern(1024 * 1024);
  const talk = (socket: Socket): void => {
    socket.end(bytes);
    socket.resume();
  };
  await withWorld(talk, async ({ open }) => {
    const socket = await open();
    socket.pause();
    socket.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok((await readAll(socket)).equals(bytes));
  });
});

stream('a stream whose program does not read holds up no other one', async () => {
  const flood = (socket: Socket): void => {
    socket.once('data', (first: Buffer) => {
      if (first.toString().startsWith('flood')) socket.write(Buffer.alloc(64 * 1024 * 1024));
      else socket.end('at once');
    });
  };
  await withWorld(flood, async ({ open }) => {
    const deaf = await open();
    deaf.pause();
    deaf.write('flood');
    for (let round = 0; round < 5; round++) {
      const other = await open();
      other.end('please');
      assert.is((await readAll(other)).toString(), 'at once');
    }
  });
});

stream('a bulk stream leaves others their turn', async () => {
  let bulk = 0;
  const serve = (socket: Socket): void => {
    socket.on('data', (part: Buffer) => {
      bulk += part.length;
      if (part.length < 100) socket.write(part);
    });
  };
  await withWorld(serve, async ({ open }) => {
    const heavy = await open();
    const light = await open();
    const total = 64 * 1024 * 1024;
    heavy.write(Buffer.alloc(total));
    while (bulk < 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
    light.write('ping');
    await once(light, 'data');
    assert.ok(bulk < total, 'the answer came only after the bulk');
  });
});

stream('many connections at once each get their own answer', async () => {
  await withWorld(echo, async ({ open }) => {
    const all = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const socket = await open();
        socket.end(`connection ${index} ${'x'.repeat(index * 1000)}`);
        return (await readAll(socket)).toString().slice(0, 13).trim();
      }),
    );
    assert.equal(
      all,
      all.map((_, index) => `connection ${index} `.slice(0, 13).trim()),
    );
  });
});

stream('streams of a domain beyond its share wait for one that ends, and more than may wait are refused', async () => {
  await withWorld(echo, async ({ connector, net, said }) => {
    const narrow = { port: PORT + 1, partner: 'any', connectTimeoutMs: 5_000, maxPerDomain: 2, maxWaiting: 1 };
    const service = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}); // its stream is destroyed
      echo(socket);
    });
    await once(service.listen(0, '127.0.0.1'), 'listening');
    const target = { host: '127.0.0.1', port: portOf(service) };
    const say = (line: string): number => said.push(line);
    const listener = new StreamProxy(net, { ...narrow, dial: () => dialTcp(target, 1_000), say });
    await listener.registered;
    const door = await listenTcp({ host: '127.0.0.1', port: 0 }, (socket) =>
      connector.connect(socket, 'net-vm', PORT + 1),
    );
    const open = async (): Promise<Socket> => {
      const socket = dial({ port: portOf(door), host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {}); // the one that is refused
      await once(socket, 'connect');
      return socket;
    };
    const answer = async (socket: Socket): Promise<string> => {
      socket.write('ping');
      const [data] = (await once(socket, 'data')) as [Buffer];
      return data.toString();
    };
    const [first, second] = [await open(), await open()];
    assert.equal([await answer(first), await answer(second)], ['ping', 'ping']);
    const third = await open();
    const isAnswered = answer(third);
    const fourth = await open();
    await closed(fourth);
    assert.is(listener.count, 2);
    assert.match(said.join(), /too many streams: one from chrome-vm was refused/);
    first.destroy();
    assert.is(await isAnswered, 'ping', 'it waited, and was not reset');
    for (const socket of [second, third]) socket.destroy();
    door.close();
    service.close();
    await listener.close();
  });
});

stream('a service that is not there closes the connection', async () => {
  await withWorld(
    (socket) => socket.destroy(),
    async ({ open }) => {
      const socket = await open();
      assert.is((await readAll(socket).catch(() => Buffer.alloc(0))).length, 0);
    },
  );
});

stream('a listener that does not answer is given up after the timeout that was asked for', async () => {
  await withWorld(
    echo,
    async ({ open, listener, net, said }) => {
      await listener.close();
      const silent = await net.registerRing({ port: PORT, partner: 'any', length: 65_536 });
      const socket = await open();
      await closed(socket);
      assert.match(said.join('\n'), /no answer in 50 ms/);
      await silent.close();
    },
    50,
  );
});

stream('no listener at all: refused at once', async () => {
  await withWorld(echo, async ({ open, listener, said }) => {
    await listener.close();
    const socket = await open();
    await closed(socket);
    assert.match(said.join('\n'), /ECONNREFUSED/);
  });
});

/** The next message of a stream at a raw ring. */
async function heard(ring: Ring): Promise<number[]> {
  const message = await ring.receive();
  const view = new DataView(message?.payload.buffer ?? new ArrayBuffer(12), message?.payload.byteOffset);
  return [view.getUint8(0), view.getUint32(4, true), view.getUint32(8, true)];
}

stream('a number that was guessed by another domain is another stream', async () => {
  await withWorld(echo, async ({ open, vm }) => {
    const socket = await open();
    socket.write('a');
    await once(socket, 'data');
    const mail = await vm('mail-vm');
    const ring = await mail.registerRing({ port: REPLY, partner: 'net-vm', length: 65_536 });
    const to = { domain: 'net-vm', port: PORT };
    await mail.sendv({ to, from: REPLY, iov: [encodeStream(StreamType.data, 1, 1), Buffer.from('injected')] });
    assert.equal(await heard(ring), [StreamType.reset, 1, StreamFault.unknown]);
    await mail.sendv({ to, from: REPLY, iov: [encodeStream(StreamType.reset, 1, 0)] });
    socket.end('b');
    assert.is((await readAll(socket)).toString(), 'b');
  });
});

stream('a gap in the data, or more than the window, ends the stream', async () => {
  await withWorld(echo, async ({ vm, connector }) => {
    await connector.close();
    const mail = await vm('mail-vm');
    const ring = await mail.registerRing({ port: REPLY, partner: 'net-vm', length: 1_048_576 });
    const send = (id: number, type: number, value: number, payload = Buffer.alloc(0)) =>
      mail.sendv({ to: { domain: 'net-vm', port: PORT }, from: REPLY, iov: [encodeStream(type, id, value), payload] });
    for (const [id, offset, length] of [
      [1, 7, 10],
      [2, 0, 300_000],
    ] as const) {
      await send(id, StreamType.connect, 65_536);
      assert.is((await heard(ring))[0], StreamType.accept);
      await send(id, StreamType.data, offset, Buffer.alloc(length));
      assert.equal(await heard(ring), [StreamType.reset, id, StreamFault.protocol]);
    }
  });
});

stream('malformed messages are no streams and do no harm', async () => {
  await withWorld(echo, async ({ open, vm }) => {
    const mail = await vm('mail-vm');
    await mail.registerRing({ port: REPLY, partner: 'net-vm', length: 65_536 });
    const to = { domain: 'net-vm', port: PORT };
    const short = Buffer.from([1, 0, 0]);
    const reserved = Buffer.from(encodeStream(StreamType.connect, 1, 1)).fill(9, 1, 2);
    for (const iov of [
      short,
      reserved,
      encodeStream(7, 1, 1),
      encodeStream(0, 1, 1),
      encodeStream(StreamType.data, 1, 0),
    ])
      await mail.sendv({ to, from: REPLY, iov });
    await mail.sendv({ to, iov: encodeStream(StreamType.connect, 1, 1) }); // no port for answers
    const socket = await open();
    socket.end('still here');
    assert.is((await readAll(socket)).toString(), 'still here');
  });
});

stream('every chunk is decided: a stream ends when the policy does', async () => {
  await withWorld(echo, async ({ site, open }) => {
    const socket = await open();
    socket.write('before');
    await once(socket, 'data');
    await site.edit({ 'policy.csv': (text) => text.replace('p, @app, @net, stream, send, allow', '# removed') });
    socket.write('after');
    await closed(socket);
  });
});

stream('when the other side’s agent is gone, its connections are closed', async () => {
  await withWorld(echo, async ({ open, net }) => {
    const socket = await open();
    socket.write('x');
    await once(socket, 'data');
    await net.close();
    await closed(socket);
  });
});

stream.run();
