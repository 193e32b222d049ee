/** Parts of one network endpoint: what happens to one of them is no business of the others. */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNetworkConfig, startNetworkEndpoint } from '../../../clients/agents/network/index.ts';
import { encodeStream, StreamType } from '../../../clients/agents/network/stream/message.ts';
import { StreamProxy } from '../../../clients/agents/network/stream/proxy.ts';
import { dialTcp } from '../../../clients/agents/network/stream/tcp.ts';
import { wordError } from '../../../clients/sdk/errors.ts';
import { SessionDouble } from './session-double.ts';

const parts = suite('the parts of a network endpoint');
const base = { carrier: 'unix:/run/argus/a.sock', identity: 'identity' };
const listen = (port: number): object => ({ port, to: '127.0.0.1:80' });

async function start(config: object, refused: readonly number[]): Promise<{ said: string[]; session: SessionDouble }> {
  const session = new SessionDouble('net-vm');
  for (const port of refused) session.refused.set(port, wordError('ENOMEM', 'registerRing'));
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const fail = (error: Error): void => void said.push(`failed: ${error.message}`);
  const stop = await startNetworkEndpoint(session, parseNetworkConfig({ ...base, ...config }, 'net.yaml'), {
    say,
    fail,
  });
  session.state = 'closed';
  await stop();
  return { said, session };
}

parts('a ring that the quota refuses now is asked for again; the other parts run', async () => {
  const { said } = await start({ listen: [listen(1), listen(2), listen(3)] }, [2]);
  assert.equal(
    said.map((line) => line.replace(/:.*/s, '')),
    ['net-vm', 'net-vm', 'net-vm', 'net-vm'],
  );
  assert.match(said[1] ?? '', /no ring at port 2 yet: .*ENOMEM|no ring at port 2 yet: .*; it is asked for again/);
  assert.match(said[3] ?? '', /streams to port 3/);
});

parts('a part that does not start is named, and the others run', async () => {
  const { said } = await start({ announce: { to: ['chrome-vm'] }, listen: [listen(1)] }, [520]);
  assert.match(said[0] ?? '', /part "announce" has ended: .*the other parts go on/);
  assert.match(said[1] ?? '', /streams to port 1/);
});

parts('the only part that does not start is an error', async () => {
  const code = await start({ listen: [listen(1)] }, [1]).then(
    () => 'started',
    (error: { readonly code?: string }) => error.code,
  );
  assert.is(code, 'ENOMEM');
});

parts('sixty entries fit the quota of a domain', async () => {
  const rings: number[] = [];
  const session = new SessionDouble('net-vm');
  const register = session.registerRing.bind(session);
  session.registerRing = (wish) => {
    rings.push(wish.length);
    return register(wish);
  };
  const config = parseNetworkConfig(
    { ...base, listen: Array.from({ length: 60 }, (_, index) => listen(index + 1)) },
    'a',
  );
  const stop = await startNetworkEndpoint(session, config, { say: () => {}, fail: () => {} });
  assert.ok(rings.reduce((sum, length) => sum + length, 0) < 64 * 1024 * 1024);
  session.state = 'closed';
  await stop();
});

parts('what a program finished sending before its domain left reaches the other program', async () => {
  const service = createServer();
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const address = service.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const session = new SessionDouble('net-vm');
  const proxy = new StreamProxy(session, {
    port: 7,
    partner: 'any',
    dial: () => dialTcp({ host: '127.0.0.1', port }, 1_000),
    connectTimeoutMs: 1_000,
    say: () => {},
  });
  await proxy.registered;
  const chrome = { name: 'chrome-vm', domid: 2 };
  const isConnected = once(service, 'connection');
  const isAccepted = new Promise<void>((resolve) => {
    session.outcome = async () => resolve();
  });
  session.deliver(7, encodeStream(StreamType.connect, 1, 65_536), chrome);
  const [socket] = (await isConnected) as [Socket];
  await isAccepted;
  const got: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => got.push(chunk));
  const isOver = once(socket, 'end');
  const text = Buffer.from('the last words');
  // One turn, as when the broker has put all of it into one record.
  session.deliver(7, Buffer.concat([encodeStream(StreamType.data, 1, 0), text]), chrome);
  session.deliver(7, encodeStream(StreamType.finish, 1, text.length), chrome);
  session.emit('peer-gone', { domid: 2, port: null, messages: 0, bytes: 0 });
  await isOver;
  assert.is(Buffer.concat(got).toString(), 'the last words');
  session.state = 'closed';
  await proxy.close();
  service.close();
});

parts('a domain has 1 000 streams, 1 000 more wait for one that ends, and the one after them is refused', async () => {
  const session = new SessionDouble('net-vm');
  const chrome = { name: 'chrome-vm', domid: 2 };
  const said: string[] = [];
  const fails: ((error: Error) => void)[] = [];
  const proxy = new StreamProxy(session, {
    port: 7,
    partner: 'any',
    dial: () => new Promise((_, reject) => fails.push(reject)),
    connectTimeoutMs: 1_000,
    say: (line) => void said.push(line),
  });
  await proxy.registered;
  const ask = (stream: number): void => session.deliver(7, encodeStream(StreamType.connect, stream, 65_536), chrome);
  for (let stream = 1; stream <= 2_000; stream++) ask(stream);
  assert.equal([fails.length, proxy.count, session.sent.length, said], [1_000, 1_000, 0, []], 'none is reset');
  for (let stream = 2_001; stream <= 2_050; stream++) ask(stream);
  assert.is(session.sent.length, 50, 'these are reset');
  assert.equal(said, ['too many streams: one from chrome-vm was refused'], 'one line a second');
  // Another domain has its own share.
  session.deliver(7, encodeStream(StreamType.connect, 1, 65_536), { name: 'mail-vm', domid: 3 });
  assert.is(fails.length, 1_001);
  fails[0]?.(new Error('nobody listens'));
  await Promise.resolve();
  await Promise.resolve();
  assert.is(fails.length, 1_002, 'the first of those that wait is begun');
  session.state = 'closed';
  await proxy.close();
});

parts('a stream that is asked for while the proxy closes is not begun', async () => {
  const session = new SessionDouble('net-vm');
  let dialled = 0;
  const proxy = new StreamProxy(session, {
    port: 7,
    partner: 'any',
    dial: () => {
      dialled++;
      return Promise.reject(new Error('nobody listens'));
    },
    connectTimeoutMs: 1_000,
    say: () => {},
  });
  await proxy.registered;
  session.state = 'closing'; // a session that still delivers, and closes no ring any more
  const closing = proxy.close();
  session.deliver(7, encodeStream(StreamType.connect, 1, 65_536), { name: 'chrome-vm', domid: 2 });
  await closing;
  assert.is(dialled, 0);
  // Nor by a program of its own VM.
  const server = createServer((socket) => proxy.connect(socket, 'chrome-vm', 7));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const program = dial({ port: address !== null && typeof address === 'object' ? address.port : 0 });
  program.on('error', () => {}); // the proxy resets the connection
  await new Promise((resolve) => program.once('close', resolve));
  server.close();
  assert.equal([proxy.count, session.sent.length], [0, 0]);
});

parts.run();
