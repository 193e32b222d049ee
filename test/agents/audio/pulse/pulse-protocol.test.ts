/** PulseAudio's protocol as the service speaks it, against a server in this process that says what the test wants. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE_CLOCK } from '../../../../clients/agents/audio/index.ts';
import { soundServerAddress, soundServerCookie } from '../../../../clients/agents/audio/pulse/address.ts';
import { PulsePlayback } from '../../../../clients/agents/audio/pulse/playback.ts';
import { PulseServer } from '../../../../clients/agents/audio/pulse/server.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const protocol = suite('the protocol of a sound server');

const u32 = (value: number): number[] => [0x4c, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const s64 = (value: number): number[] => [0x72, 0, 0, 0, 0, ...u32(value).slice(1)];
const NO_TIME = [0x54, 0, 0, 0, 0, 0, 0, 0, 0];
const NO_MICROSECONDS = [0x55, 0, 0, 0, 0, 0, 0, 0, 0];

/** What the client sent: a command by its number, or samples by their length. */
interface Heard {
  readonly command: number | null;
  readonly tag: number;
  readonly bytes: number;
}

class ServerDouble {
  readonly heard: Heard[] = [];
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #wake = (): void => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      while (this.#buffer.length >= 20 && this.#buffer.length >= 20 + this.#buffer.readUInt32BE(0)) {
        const length = this.#buffer.readUInt32BE(0);
        const isCommand = this.#buffer.readUInt32BE(4) === 0xffff_ffff;
        const payload = this.#buffer.subarray(20, 20 + length);
        const command = isCommand ? payload.readUInt32BE(1) : null;
        this.heard.push({ command, tag: isCommand ? payload.readUInt32BE(6) : -1, bytes: length });
        this.#buffer = this.#buffer.subarray(20 + length);
        this.#wake();
      }
    });
  }

  async until(holds: (heard: readonly Heard[]) => boolean): Promise<void> {
    while (!holds(this.heard))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  async tagOf(command: number): Promise<number> {
    await this.until((heard) => heard.some((each) => each.command === command));
    return this.heard.findLast((each) => each.command === command)?.tag ?? -1;
  }

  say(command: number, tag: number, ...values: readonly number[][]): void {
    const payload = Buffer.from([...u32(command), ...u32(tag), ...values.flat()]);
    const descriptor = Buffer.alloc(20);
    descriptor.writeUInt32BE(payload.length, 0);
    descriptor.writeUInt32BE(0xffff_ffff, 4);
    this.#socket.write(Buffer.concat([descriptor, payload]));
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }
}

const CREATE = 3;
const LATENCY = 14;
const FLUSH = 42;
const REQUEST = 61;
const UNDERFLOW = 63;
const BUFFER = 5_292;

async function withServer(
  work: (harness: {
    readonly server: ServerDouble;
    readonly stream: PulsePlayback;
    readonly wanted: () => Promise<void>;
    readonly lost: Promise<void>;
    readonly gaps: () => number;
  }) => Promise<void>,
): Promise<void> {
  const path = join(temporaryDirectory(), 'native');
  const listener = createServer();
  listener.listen(path);
  await once(listener, 'listening');
  let wake = (): void => {};
  let lose = (): void => {};
  const lost = new Promise<void>((resolve) => {
    lose = resolve;
  });
  const env = { PULSE_SERVER: `unix:${path}` };
  const connected = once(listener, 'connection');
  let gaps = 0;
  const events = { onWanted: () => wake(), onLost: () => lose(), onGap: () => void gaps++ };
  const stream = new PulsePlayback(env, NODE_CLOCK, 'chrome-vm', null, events);
  const [socket] = (await connected) as [Socket];
  const wanted = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  try {
    await work({ server: new ServerDouble(socket), stream, wanted, lost, gaps: () => gaps });
  } finally {
    stream.close();
    socket.destroy();
    listener.close();
  }
}

/** Answers the creation of the stream. */
async function create(server: ServerDouble): Promise<void> {
  server.say(2, await server.tagOf(CREATE), u32(0), u32(7), u32(BUFFER), u32(100_000), u32(BUFFER));
}

protocol('nothing is wanted, and nothing written, before the server has made the stream', () =>
  withServer(async ({ server, stream, wanted }) => {
    await server.tagOf(CREATE);
    stream.write(new Uint8Array(400));
    assert.is(stream.wanted, 0);
    const ready = wanted();
    await create(server);
    await ready;
    assert.equal([stream.wanted, stream.ahead, stream.isEmpty], [BUFFER, 0, true]);
    stream.write(new Uint8Array(1_764));
    await server.until((heard) => heard.some(({ command }) => command === null));
    assert.equal(
      server.heard.filter(({ command }) => command === null).map(({ bytes }) => bytes),
      [1_764],
    );
  }),
);

protocol('no samples at all are not written: a server would end the connection', () =>
  withServer(async ({ server, stream, wanted }) => {
    const ready = wanted();
    await create(server);
    await ready;
    stream.write(new Uint8Array(0));
    stream.write(new Uint8Array(1_764));
    await server.until((heard) => heard.some(({ bytes }) => bytes === 1_764));
    assert.not(server.heard.some(({ command, bytes }) => command === null && bytes === 0));
  }),
);

protocol('what the server asks for is what was played; all is played once it says how far it is', () =>
  withServer(async ({ server, stream, wanted }) => {
    let more = wanted();
    await create(server);
    await more;
    stream.write(new Uint8Array(4_000));
    more = wanted();
    server.say(REQUEST, 0xffff_ffff, u32(0), u32(1_764));
    await more;
    assert.equal([stream.wanted, stream.isEmpty], [BUFFER - 4_000 + 1_764, false]);
    more = wanted();
    server.say(UNDERFLOW, 0xffff_ffff, u32(0));
    const tag = await server.tagOf(LATENCY);
    assert.is(stream.wanted, 0, 'not known until it answers');
    // PipeWire keeps 588 bytes that are less than it takes at a time.
    server.say(2, tag, NO_MICROSECONDS, NO_MICROSECONDS, [0x31], NO_TIME, NO_TIME, s64(4_000), s64(3_412));
    await more;
    assert.equal([stream.wanted, stream.ahead, stream.isEmpty], [BUFFER, 0, true]);
    await server.tagOf(FLUSH);
  }),
);

protocol('samples that were on their way when the server ran dry are not taken for played', () =>
  withServer(async ({ server, stream, wanted }) => {
    let more = wanted();
    await create(server);
    await more;
    stream.write(new Uint8Array(1_764));
    more = wanted();
    server.say(UNDERFLOW, 0xffff_ffff, u32(0));
    const tag = await server.tagOf(LATENCY);
    stream.write(new Uint8Array(1_764));
    server.say(2, tag, NO_MICROSECONDS, NO_MICROSECONDS, [0x31], NO_TIME, NO_TIME, s64(1_764), s64(1_764));
    await more;
    assert.equal([stream.wanted, stream.isEmpty], [BUFFER - 1_764, false]);
  }),
);

for (const [label, hasPlayed, isGap] of [
  ['before its first sample', false, 0],
  ['within a sound', true, 1],
] as const)
  protocol(`a server that ran dry ${label} while more was on its way: ${isGap} gaps`, () =>
    withServer(async ({ server, stream, wanted, gaps }) => {
      let more = wanted();
      await create(server);
      await more;
      stream.write(new Uint8Array(1_764));
      if (hasPlayed) {
        more = wanted();
        server.say(REQUEST, 0xffff_ffff, u32(0), u32(1_764));
        await more;
        stream.write(new Uint8Array(1_764));
      }
      more = wanted();
      server.say(UNDERFLOW, 0xffff_ffff, u32(0));
      const tag = await server.tagOf(LATENCY);
      const [written, played] = hasPlayed ? [3_528, 1_764] : [1_764, 0];
      server.say(2, tag, NO_MICROSECONDS, NO_MICROSECONDS, [0x31], NO_TIME, NO_TIME, s64(written), s64(played));
      await more;
      assert.equal([gaps(), stream.isEmpty], [isGap, false]);
    }),
  );

protocol('a server that ran dry at the end of a sound has no gap', () =>
  withServer(async ({ server, stream, wanted, gaps }) => {
    let more = wanted();
    await create(server);
    await more;
    stream.write(new Uint8Array(1_764));
    more = wanted();
    server.say(REQUEST, 0xffff_ffff, u32(0), u32(1_764));
    await more;
    more = wanted();
    server.say(UNDERFLOW, 0xffff_ffff, u32(0));
    const tag = await server.tagOf(LATENCY);
    server.say(2, tag, NO_MICROSECONDS, NO_MICROSECONDS, [0x31], NO_TIME, NO_TIME, s64(1_764), s64(1_764));
    await more;
    assert.equal([gaps(), stream.isEmpty], [0, true]);
  }),
);

for (const [label, requests, stepMs] of [
  ['three are too few', [3_764, 3_764, 3_764], 0],
  ['four are what it takes at a time', [3_764, 3_764, 3_764, 3_764], 21],
  ['one that is longer came late', [3_764, 3_764, 7_528, 3_764], 21],
  ['the last four count', [1_764, 3_764, 3_764, 3_764, 3_764], 21],
] as const)
  protocol(`the step of a server is known by its requests: ${label}`, () =>
    withServer(async ({ server, stream, wanted }) => {
      let more = wanted();
      await create(server);
      await more;
      stream.write(new Uint8Array(20_000));
      for (const bytes of requests) {
        more = wanted();
        server.say(REQUEST, 0xffff_ffff, u32(0), u32(bytes));
        await more;
      }
      assert.is(Math.round(stream.stepMs), stepMs);
    }),
  );

protocol('what is left of a sound and shorter than a step is dropped, however long the step', () =>
  withServer(async ({ server, stream, wanted, gaps }) => {
    let more = wanted();
    await create(server);
    await more;
    stream.write(new Uint8Array(4 * 3_764 + 3_000));
    for (let request = 0; request < 4; request++) {
      more = wanted();
      server.say(REQUEST, 0xffff_ffff, u32(0), u32(3_764));
      await more;
    }
    more = wanted();
    server.say(UNDERFLOW, 0xffff_ffff, u32(0));
    const tag = await server.tagOf(LATENCY);
    server.say(2, tag, NO_MICROSECONDS, NO_MICROSECONDS, [0x31], NO_TIME, NO_TIME, s64(18_056), s64(15_056));
    await more;
    await server.tagOf(FLUSH);
    assert.equal([stream.isEmpty, gaps()], [true, 0]);
  }),
);

for (const [label, end] of [
  ['an error', (server: ServerDouble) => server.say(0, 2, u32(5))],
  ['a message of a length that no server sends', (server: ServerDouble) => server.raw(Buffer.alloc(20, 0x7f))],
  ['a reply that is cut off', async (server: ServerDouble) => server.say(2, await server.tagOf(CREATE), u32(0))],
  [
    'the end of its stream',
    async (server: ServerDouble) => {
      await create(server);
      server.say(64, 0xffff_ffff, u32(0));
    },
  ],
] as const)
  protocol(`${label} is a lost stream`, () =>
    withServer(async ({ server, lost }) => {
      await server.tagOf(CREATE);
      await end(server);
      await lost;
    }),
  );

protocol('a server that is not there is a lost stream, after the caller has it', async () => {
  await new Promise<void>((resolve) => {
    const env = { PULSE_SERVER: join(temporaryDirectory(), 'absent') };
    new PulsePlayback(env, NODE_CLOCK, 'chrome-vm', null, { onWanted: () => {}, onLost: resolve });
  });
});

protocol(
  'a server that is not there is said once, at the start or with the first sound, until one has answered',
  async () => {
    const path = join(temporaryDirectory(), 'native');
    const said: string[] = [];
    let wake = (): void => {};
    const server = new PulseServer({ PULSE_SERVER: path }, NODE_CLOCK, (address) => {
      said.push(address);
      wake();
    });
    const play = (): Promise<unknown> =>
      new Promise((resolve) => {
        const events = { onWanted: () => resolve(stream.close()), onLost: () => resolve(null) };
        const stream = server.openPlayback('chrome-vm', null, events);
      });
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    server.probe();
    await told;
    await play();
    assert.equal(said, [path]);
    const listener = createServer((socket) => void create(new ServerDouble(socket)));
    listener.listen(path);
    await once(listener, 'listening');
    await play();
    listener.close();
    await once(listener, 'close');
    await play();
    assert.equal(said, [path, path]);
  },
);

protocol('the server is found as libpulse finds it', () => {
  const found = (env: NodeJS.ProcessEnv): unknown => soundServerAddress(env);
  assert.equal(found({ PULSE_SERVER: 'unix:/run/a' }), { path: '/run/a' });
  assert.equal(found({ PULSE_SERVER: '{0123}unix:/run/a tcp:b' }), { path: '/run/a' });
  assert.equal(found({ PULSE_SERVER: '/run/a' }), { path: '/run/a' });
  assert.equal(found({ PULSE_SERVER: 'tcp:host:4714' }), { host: 'host', port: 4_714 });
  assert.equal(found({ PULSE_SERVER: 'tcp6:[fd00::1]' }), { host: 'fd00::1', port: 4_713 });
  assert.equal(found({ PULSE_SERVER: 'host' }), { host: 'host', port: 4_713 });
  assert.equal(found({ PULSE_RUNTIME_PATH: '/run/p', XDG_RUNTIME_DIR: '/run/x' }), { path: '/run/p/native' });
  assert.equal(found({ XDG_RUNTIME_DIR: '/run/x' }), { path: '/run/x/pulse/native' });
  const cookie = join(temporaryDirectory(), 'cookie');
  writeFileSync(cookie, Buffer.alloc(256, 7));
  assert.equal([...soundServerCookie({ PULSE_COOKIE: cookie })], [...Buffer.alloc(256, 7)]);
  assert.equal([...soundServerCookie({ HOME: '/nowhere' })], [...Buffer.alloc(256)]);
});

protocol.run();
