/** Programs use rings through the agent's socket: the protocol, backpressure, denials, the examples in Python, C and Go. */

import { execFile, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, PORT_ALL, Status } from '../../../broker/wire/index.ts';
import {
  type AgentError,
  openLocal,
  receiveLocal,
  ringStateLocal,
  sendLocal,
} from '../../../clients/agents/guest/index.ts';
import { serveLocal } from '../../../clients/agents/guest/local-server.ts';
import { Programs } from '../../../clients/agents/guest/share/index.ts';
import { connect as connectSdk } from '../../../clients/sdk/index.ts';
import { findBinary, needs, needsThat } from '../../support/needs.ts';
import { CLI, nodeArguments } from '../../support/program.ts';
import { BrokerDouble, PEER_DOMID, PEER_NAME } from '../../support/sdk/broker-double.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { GuestFixture, PORT } from './guest-fixture.ts';

const run = promisify(execFile);
const EXAMPLES = fileURLToPath(new URL('../../../clients/agents/guest/examples/', import.meta.url));

const local = suite('agent: local socket');

const RECV = { kind: 'recv', port: PORT, partner: 'any', length: 65_536, untilGone: false } as const;
const SEND = { kind: 'send', domain: 'audio-vm', port: PORT, type: 7, deadlineMs: 20_000, from: 0 } as const;

local('messages arrive whole, in order, with who sent them', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const receiver = await openLocal(fixture.socketOf('audio-vm'), RECV);
  const sender = await openLocal(fixture.socketOf('chrome-vm'), SEND);
  const payloads = ['one', '', 'three'].map((text) => Buffer.from(text));
  assert.is(await sendLocal(sender, payloads), 3);
  const seen = [];
  for await (const { source, domid, port, type, payload } of receiveLocal(receiver)) {
    seen.push([source, domid, port, type, Buffer.from(payload).toString()]);
    if (seen.length === payloads.length) break;
  }
  assert.equal(seen, [
    ['chrome-vm', 101, 0, 7, 'one'],
    ['chrome-vm', 101, 0, 7, ''],
    ['chrome-vm', 101, 0, 7, 'three'],
  ]);
  await fixture.close();
});

local('an agent that must be clone-safe has no session with a broker that does not say so', async () => {
  const fixture = await GuestFixture.build();
  const refused = fixture.agent('chrome-vm', { cloneSafe: true });
  assert.is(
    await refused.then(
      () => null,
      (error: AgentError) => error.code,
    ),
    'ERR_CLIENT_VERSION',
  );
  await fixture.close();
});

local('far more than the ring holds goes through: a reader that is slow makes the sender wait', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const receiver = await openLocal(fixture.socketOf('audio-vm'), { ...RECV, length: 4096 });
  const sender = await openLocal(fixture.socketOf('chrome-vm'), SEND);
  const count = 2_000;
  const chunks = Array.from({ length: count }, (_, index) => Buffer.alloc(1_000, index));
  const sent = sendLocal(sender, chunks);
  let index = 0;
  for await (const { payload } of receiveLocal(receiver)) {
    assert.equal(payload[999], index & 0xff);
    if (++index === count) break;
  }
  assert.is(await sent, count);
  await fixture.close();
});

local('a denial reaches the program with its code; what was accepted before is counted', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('chrome-vm');
  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'accepted',
      (error: AgentError) => `${error.code} ${/E[A-Z]+/.exec(error.message)?.[0]}`,
    );
  const socket = fixture.socketOf('chrome-vm');
  const denied = await openLocal(socket, { ...SEND, domain: 'gui-vm' });
  assert.is(await codeOf(sendLocal(denied, [Buffer.from('x')])), 'ERR_AGENT_REFUSED EACCES');
  const nobody = await openLocal(socket, { ...SEND, deadlineMs: 0 });
  assert.is(await codeOf(sendLocal(nobody, [Buffer.from('x')])), 'ERR_AGENT_REFUSED ECONNREFUSED');
  assert.is(await codeOf(openLocal(socket, RECV)), 'ERR_AGENT_REFUSED EACCES');
  await fixture.close();
});

const BAD_REQUESTS = [
  '',
  'recv',
  'recv 1 any',
  'recv -1 any 4096',
  'recv 1 any 4096 until-gone',
  'recv 1 audio-vm 4096 until-later',
  'send audio-vm 1 0',
  'send UPPER 1 0 0',
  'x'.repeat(300),
];

local('a request that makes no sense is answered with EINVAL and the end', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('chrome-vm');
  for (const request of BAD_REQUESTS) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(fixture.socketOf('chrome-vm'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.once('close', () => resolve(text));
      socket.write(`${request}\n`);
    });
    assert.match(answer, /^error EINVAL .+\n$/, request);
  }
  await fixture.close();
});

local('a source port that is not a ring of this machine is EPERM; notify says whether a ring has room', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const state = (bytes: number) => ringStateLocal(fixture.socketOf('chrome-vm'), 'audio-vm', PORT, bytes);
  assert.match(await state(1), /^exists=0 /);
  const receiver = await openLocal(fixture.socketOf('audio-vm'), { ...RECV, length: 4096 });
  assert.match(await state(100), /^exists=1 empty=1 sufficient=1 too-large=0 .* max=\d+$/);
  assert.match(await state(100_000), /^exists=1 empty=1 sufficient=0 too-large=1 /);
  const sender = await openLocal(fixture.socketOf('chrome-vm'), { ...SEND, from: 4_999 });
  const refused = await sendLocal(sender, [Buffer.from('x')]).catch((error: AgentError) => error.message);
  assert.match(String(refused), /EPERM/);
  receiver.socket.destroy();
  await fixture.close();
});

local('a second agent says so, and the session of the first goes on', async () => {
  const fixture = await GuestFixture.build();
  const first = await fixture.agent('chrome-vm');
  const lost: unknown[] = [];
  first.vm.on('disconnected', (event) => lost.push(event));
  const said: string[] = [];
  const code = await fixture
    .agent('chrome-vm', {}, (line) => said.push(line))
    .then(
      () => 'none',
      (error: AgentError) => error.code,
    );
  assert.is(code, 'ERR_AGENT_SOCKET');
  assert.equal(said, [], 'it had no session');
  assert.equal(await first.vm.notify([]), [], 'the session of the first answers');
  assert.equal(lost, []);
  await fixture.close();
});

local('a ring whose program goes away is given up, and another one can take its place', async () => {
  const fixture = await GuestFixture.build();
  const { vm } = await fixture.agent('audio-vm');
  const first = await openLocal(fixture.socketOf('audio-vm'), RECV);
  const second = await openLocal(fixture.socketOf('audio-vm'), RECV).then(
    () => 'granted',
    (error: AgentError) => error.message,
  );
  assert.match(second, /EEXIST/);
  first.socket.destroy();
  // Given up once the agent has noticed; a send to nobody says so.
  for (;;) {
    const again = await openLocal(fixture.socketOf('audio-vm'), RECV).catch(() => null);
    if (again !== null) break;
  }
  assert.is(vm.state, 'connected');
  await fixture.close();
});

local('argus ring in a pipeline: what goes in comes out', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const recv = spawn(process.execPath, [
    ...nodeArguments(CLI),
    ...['ring', 'recv', `${PORT}`, '--from', 'chrome-vm', '--until-empty', '--agent', fixture.socketOf('audio-vm')],
  ]);
  const received: Buffer[] = [];
  recv.stdout.on('data', (chunk: Buffer) => received.push(chunk));
  const ended = new Promise((resolve) => recv.once('close', resolve));
  await new Promise<void>((resolve) => recv.stderr.once('data', () => resolve()));
  const send = spawn(process.execPath, [
    ...nodeArguments(CLI),
    ...['ring', 'send', 'audio-vm', `${PORT}`, '--end', '--agent', fixture.socketOf('chrome-vm')],
  ]);
  const input = Buffer.alloc(1_000_003, 'argus');
  send.stdin.end(input);
  assert.is(await ended, 0);
  assert.ok(Buffer.concat(received).equals(input));
  await fixture.close();
});

/** `argus ring recv`, listening. */
async function receiving(
  ...words: string[]
): Promise<{ readonly code: Promise<unknown>; readonly out: () => string; readonly said: () => string }> {
  const recv = spawn(process.execPath, nodeArguments(CLI, 'ring', 'recv', ...words));
  let out = '';
  let said = '';
  recv.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const code = new Promise((resolve) => recv.once('close', resolve));
  await new Promise<void>((resolve) =>
    recv.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      resolve();
    }),
  );
  return { code, out: () => out, said: () => said };
}

local('argus ring recv --from ends with the session of the sender; --stay goes on', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('audio-vm');
  const sender = await fixture.agent('chrome-vm');
  const ports = [PORT, 2 ** 31, 2 ** 31 + 1];
  const words = (at: number): string[] => [
    ...[`${ports[at]}`, '--from', 'chrome-vm', '--agent', fixture.socketOf('audio-vm')],
  ];
  const [plain, marked, staying] = await Promise.all([
    receiving(...words(0)),
    receiving(...words(1), '--until-empty'),
    receiving(...words(2), '--stay', '--count', '1'),
  ]);
  const send = async (port: number, text: string): Promise<void> => {
    const connection = await openLocal(fixture.socketOf('chrome-vm'), { ...SEND, port });
    assert.is(await sendLocal(connection, [Buffer.from(text)]), 1);
  };
  await send(PORT, 'the last words');
  await send(2 ** 31, 'no end');
  await sender.close();
  assert.is(await plain.code, 0);
  assert.is(plain.out(), 'the last words');
  assert.match(plain.said(), 'the session of chrome-vm has ended');
  assert.is(await marked.code, 1, 'the empty message did not come');
  assert.is(marked.out(), 'no end');
  await fixture.agent('chrome-vm');
  await send(2 ** 31 + 1, 'back');
  assert.is(await staying.code, 0);
  assert.is(staying.out(), 'back');
  await fixture.close();
});

local('a receiver is told why its ring ends: the partner is gone, policy, or the agent', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const path = `${temporaryDirectory()}/agent.sock`;
  const server = await serveLocal(vm, new Programs(vm), path, 0o600);
  const open = (port: number) =>
    openLocal(path, { kind: 'recv', port, partner: PEER_NAME, length: 4096, untilGone: true });
  const linesOf = async (connection: Awaited<ReturnType<typeof open>>, onLine = (): void => {}): Promise<string[]> => {
    const lines: string[] = [];
    try {
      for await (const { payload } of receiveLocal(connection)) {
        lines.push(Buffer.from(payload).toString());
        onLine();
      }
    } catch (error) {
      lines.push(`${(error as AgentError).code}: ${(error as AgentError).message}`);
    }
    return lines;
  };
  const { session } = broker;
  session.say({ op: Op.introduce, domid: PEER_DOMID, name: PEER_NAME, labels: [] });
  const [gone, refused] = [await open(1), await open(2)];
  for (const port of [1, 2]) session.deliver(100 + port, Buffer.from('last'));
  session.say({ op: Op.ringClosed, ring: 102, status: Status.EACCES });
  const [last, refusal = ''] = await linesOf(refused);
  assert.is(last, 'last');
  assert.match(refusal, /^ERR_AGENT_REFUSED: EACCES /);
  session.say({ op: Op.peerGone, domid: PEER_DOMID, port: PORT_ALL, messages: 0, bytes: 0 });
  assert.equal(await linesOf(gone), ['last']);
  const cut = await open(3);
  session.deliver(103, Buffer.from('last'));
  const cutLines = await linesOf(cut, () => void server.close());
  assert.equal(cutLines, ['last', 'ERR_AGENT_UNREACHABLE: the agent hung up']);
  await vm.close();
});

local('argus ring send sends what it has read at once, and cuts it to --size', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const frames = receiveLocal(await openLocal(fixture.socketOf('audio-vm'), RECV));
  const words = ['ring', 'send', 'audio-vm', `${PORT}`, '--size', '4', '--agent', fixture.socketOf('chrome-vm')];
  const send = spawn(process.execPath, nodeArguments(CLI, ...words));
  const ended = new Promise((resolve) => send.once('close', resolve));
  const next = async (): Promise<string> => Buffer.from((await frames.next()).value?.payload ?? []).toString();
  send.stdin.write('one');
  assert.is(await next(), 'one', 'the input goes on');
  send.stdin.end('and two');
  assert.equal([await next(), await next()], ['and ', 'two']);
  assert.is(await ended, 0);
  await frames.return(undefined);
  await fixture.close();
});

local('a refusal says which option helps', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('chrome-vm');
  const at = ['--agent', fixture.socketOf('chrome-vm')];
  const refused = async (...words: string[]): Promise<string> => {
    const program = spawn(process.execPath, nodeArguments(CLI, 'ring', ...words, ...at));
    let said = '';
    program.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    program.stdin.write('x'); // and the input stays open
    const code = await new Promise((resolve) => program.once('close', resolve));
    return `${code} ${said}`;
  };
  const [any, length, nobody] = await Promise.all([
    refused('recv', `${PORT}`),
    refused('recv', `${PORT}`, '--from', 'audio-vm', '--length', '17'),
    refused('send', 'audio-vm', `${PORT}`, '--deadline', '0'),
  ]);
  assert.match(any, /^1 .*EACCES.*--from/);
  assert.is(any.match(/EACCES/g)?.length, 1, any);
  assert.match(length, /^1 .*EINVAL.*--length/);
  assert.match(nobody, /^1 .*ECONNREFUSED.*argus ring recv/);
  await fixture.close();
});

local('argus ring recv --timeout ends with 1 when no message comes', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('audio-vm');
  const words = ['ring', 'recv', `${PORT}`, '--timeout', '100', '--agent', fixture.socketOf('audio-vm')];
  const recv = spawn(process.execPath, nodeArguments(CLI, ...words));
  let said = '';
  recv.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  assert.is(await new Promise((resolve) => recv.once('close', resolve)), 1);
  assert.match(said, 'no message for 100 ms');
  await fixture.close();
});

local('sessions come and go beneath: the ring stays', async () => {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const receiver = await openLocal(fixture.socketOf('audio-vm'), RECV);
  const frames = receiveLocal(receiver);
  await fixture.stopBroker();
  await fixture.startBroker();
  for (;;) {
    // Until both are back: ECONNRESET without a session, ECONNREFUSED while the ring is not registered again.
    const sender = await openLocal(fixture.socketOf('chrome-vm'), SEND);
    if ((await sendLocal(sender, [Buffer.from('after')]).catch(() => 0)) === 1) break;
  }
  const { value } = await frames.next();
  assert.is(Buffer.from(value?.payload ?? []).toString(), 'after');
  await frames.return(undefined);
  await fixture.close();
});

async function throughExample(receiver: string[], sender: string[]): Promise<void> {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const recv = spawn(receiver[0] ?? '', [...receiver.slice(1), 'recv', fixture.socketOf('audio-vm'), `${PORT}`]);
  // A line may come in pieces: Python writes its end by itself when its output is not buffered.
  const printed = new Promise<string>((resolve) => {
    let text = '';
    recv.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) resolve(text);
    });
  });
  await new Promise<void>((resolve) => recv.stderr.once('data', () => resolve()));
  await run(sender[0] ?? '', [
    ...sender.slice(1),
    'send',
    fixture.socketOf('chrome-vm'),
    'audio-vm',
    `${PORT}`,
    'hello',
  ]);
  assert.is(await printed, 'chrome-vm: hello\n');
  recv.kill();
  await new Promise((resolve) => recv.once('close', resolve));
  await fixture.close();
}

needs('python3', 'python3')(local, 'the example in Python', () =>
  throughExample(['python3', `${EXAMPLES}ring.py`], ['python3', `${EXAMPLES}ring.py`]),
);

/** Request and reply: the answer comes to the source port. */
async function repliedThroughExample([program = '', ...first]: string[]): Promise<void> {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const answering = spawn(program, [...first, 'answer', fixture.socketOf('audio-vm'), `${PORT}`]);
  await new Promise<void>((resolve) => answering.stderr.once('data', () => resolve()));
  const asking = ['ask', fixture.socketOf('chrome-vm'), 'audio-vm', `${PORT}`, `${PORT}`, 'hello'];
  const { stdout } = await run(program, [...first, ...asking]);
  assert.is(stdout, 'HELLO\n');
  answering.kill();
  await new Promise((resolve) => answering.once('close', resolve));
  await fixture.close();
}

/** A receiver that ends is told to the program that asked. */
async function toldThroughExample([program = '', ...first]: string[]): Promise<void> {
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const printing = spawn(program, [...first, 'events', fixture.socketOf('chrome-vm')]);
  const printed = new Promise<string>((resolve) => printing.stdout.once('data', (chunk) => resolve(String(chunk))));
  await new Promise<void>((resolve) => printing.stderr.once('data', () => resolve()));
  const receiver = await connectSdk({ carrier: `agent:${fixture.socketOf('audio-vm')}` });
  await receiver.registerRing({ port: PORT, partner: 'any', length: 4096 });
  assert.is(await sendLocal(await openLocal(fixture.socketOf('chrome-vm'), SEND), [Buffer.from('one')]), 1);
  await receiver.close(); // and the message was not read
  assert.match(await printed, /^peer-gone 1 5000 1 32$/m);
  printing.kill();
  await new Promise((resolve) => printing.once('close', resolve));
  await fixture.close();
}

needs('python3', 'python3')(local, 'request and reply in Python: the answer comes to the source port', () =>
  repliedThroughExample(['python3', `${EXAMPLES}ring.py`]),
);

needs('python3', 'python3')(local, 'events in Python: a receiver that ends is told to the program that asked', () =>
  toldThroughExample(['python3', `${EXAMPLES}ring.py`]),
);

needs('gcc', 'gcc libc6-dev')(local, 'the example in C', async () => {
  const program = `${temporaryDirectory()}/ring`;
  await run('gcc', ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', '-o', program, `${EXAMPLES}ring.c`]);
  await throughExample([program], [program]);
});

needsThat(() => goCompiler() !== null, 'go or gccgo (apt-get install gccgo)')(
  local,
  'the example in Go: messages, request and reply, events, and a refusal',
  async () => {
    const program = `${temporaryDirectory()}/ring`;
    const [compiler = '', ...flags] = goCompiler() ?? [];
    await run(compiler, [...flags, '-o', program, `${EXAMPLES}ring.go`]);
    await throughExample([program], [program]);
    await repliedThroughExample([program]);
    await toldThroughExample([program]);
    const fixture = await GuestFixture.build();
    await fixture.agent('chrome-vm');
    const denied = await run(program, ['send', fixture.socketOf('chrome-vm'), 'gui-vm', `${PORT}`, 'x']).catch(
      (error: { code: number; stderr: string }) => `${error.code} ${error.stderr}`,
    );
    assert.match(String(denied), /^1 refused: error EACCES /);
    await fixture.close();
  },
);

/** Either compiler will do: gccgo is a third of the size, and machines of Go programmers have go. */
function goCompiler(): readonly string[] | null {
  if (findBinary('go') !== null) return ['go', 'build'];
  return findBinary('gccgo') !== null ? ['gccgo', '-O1'] : null;
}

local.run();
