/**
 * Real-time audio through one broker: added latency of a stream, ten minutes of it as fast as it goes, and how many streams
 * at once. Broker, receiver and load generator are a process each, on one machine.
 *
 *     node --import tsx bench/audio.ts [--streams 100,200,300] [--seconds 10] [--json]
 *
 * Latency is from before sendv to the message in the receiver's hands, by the clock that the processes share. A frame is
 * lost when its send was refused or it never came; a glitch is a frame lost, repeated, out of order or altered.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBroker } from '../broker/index.ts';
import { connect, type Vm } from '../clients/sdk/index.ts';
import { createAuthority, issueIdentity } from '../keys/index.ts';
import { copyShippedPolicy } from '../policy/index.ts';
import { PlainSender } from './audio-load.ts';
import { runCompiled } from './compiled.ts';

runCompiled(import.meta.url);

const PORT = 4_713;
/** The domid of audio-vm in the shipped policy. */
const AUDIO_VM = 1;
const FRAME_BYTES = 1_764;
const FRAME_MS = 10;
/** Ten minutes of frames. */
const TEN_MINUTES_FRAMES = 60_000;
const FIRST_DOMID = 1_000;
/** As the service: Argo’s largest ring. */
const RING_BYTES = 16 * 1024 * 1024 - 64;
/** Sends under way in the accelerated run. */
const WINDOW = 64;
/** Frames of different streams that go out in one turn of the load generator, when it is late: each has a clock of its own. */
const MAX_BURST = 64;
/** Frames of each real-time stream whose latency does not count: compilers and caches warm up, sessions have just begun. */
const WARM_UP_FRAMES = 100;
/** Within so many frames all streams have begun, each at its own time. */
const START_FRAMES = 100;
/** The receiver takes for lost what has not come when nothing came for this long. */
const LAST_FRAME_MS = 1_000;
const MAX_LATENCY_MICROS = 1_000_000;
const TTL_SECONDS = 3_600;
/** Between the clock that all processes of one host share and that of this process, microseconds. */
const CLOCK_OFFSET = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;
const frame = new Uint8Array(FRAME_BYTES);
const frameView = new DataView(frame.buffer);

interface Task {
  readonly role: 'broker' | 'receiver' | 'sender';
  readonly directory: string;
  readonly streams: number;
  /** Frames of each stream. */
  readonly frames: number;
  /** Null: as fast as it goes. */
  readonly frameMs: number | null;
}

interface Heard {
  readonly frames: number;
  readonly glitches: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of the receiver, as a share of one core; from its first frame on. */
  readonly receiverCpu: number;
}

interface Sent {
  readonly seconds: number;
  /** The load generator could not keep its own pace: ms it was late at most. */
  readonly late: number;
  /** Of the sender, as a share of one core. */
  readonly cpu: number;
}

export interface AudioRun extends Heard, Sent {
  readonly streams: number;
  /** Of the broker, as a share of one core. */
  readonly brokerCpu: number;
  readonly lost: number;
}

const [, , argument = ''] = process.argv;
if (argument.startsWith('{')) await play(JSON.parse(argument) as Task);
else await bench();

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '50,100,200,300,400' },
      seconds: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);
  say(`${cpus().length} cores, ${cpus()[0]?.model ?? ''}, Node ${process.version}`);
  const frames = (seconds * 1_000) / FRAME_MS;
  const one = await run({ streams: 1, frames, frameMs: FRAME_MS });
  say(`one stream, real time, ${seconds} s: ${describe(one)}`);
  const fast = await run({ streams: 1, frames: TEN_MINUTES_FRAMES, frameMs: null });
  const speed = (TEN_MINUTES_FRAMES * FRAME_MS) / 1_000 / fast.seconds;
  say(
    `ten minutes in ${fast.seconds.toFixed(1)} s (${speed.toFixed(0)} x): ${fast.glitches + fast.lost} glitches in ${fast.frames} frames`,
  );
  const many: AudioRun[] = [];
  for (const streams of values.streams.split(',').map(Number)) {
    const result = await run({ streams, frames, frameMs: FRAME_MS });
    many.push(result);
    say(`${streams} streams, real time, ${seconds} s: ${describe(result)}`);
  }
  const carried = many.filter(({ p99, lost }) => p99 < FRAME_MS * 1_000 && lost === 0).map(({ streams }) => streams);
  say(`most streams with p99 < 10 ms and no lost frame: ${Math.max(0, ...carried)}`);
  if (values.json) process.stdout.write(`${JSON.stringify({ one, fast, many })}\n`);
}

function describe({ p50, p99, max, lost, glitches, late, cpu, brokerCpu, receiverCpu }: AudioRun): string {
  const ms = (micros: number): string => (micros / 1_000).toFixed(2);
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return `p50 ${ms(p50)} ms, p99 ${ms(p99)} ms, max ${ms(max)} ms, lost ${lost}, glitches ${glitches}; broker ${percent(brokerCpu)}, sender ${percent(cpu)}, receiver ${percent(receiverCpu)} of a core, late by ${late.toFixed(0)} ms at most`;
}

async function run(load: Pick<Task, 'streams' | 'frames' | 'frameMs'>): Promise<AudioRun> {
  const directory = await mkdtemp(join(tmpdir(), 'argus-audio-bench-'));
  const children: ChildProcess[] = [];
  const start = (role: Task['role']): Promise<ChildProcess> => {
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ role, directory, ...load })]);
    children.push(child);
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve(child));
      child.once('exit', (code) => reject(new Error(`the ${role} ended with code ${code}`)));
    });
  };
  try {
    await prepare(directory, load.streams);
    const broker = await start('broker');
    const receiver = await start('receiver');
    const sender = await start('sender');
    const heard = answer<Heard>(receiver);
    broker.send('mark');
    sender.send('go');
    const sent = await answer<Sent>(sender);
    broker.send('tell');
    const brokerCpu = await answer<number>(broker);
    receiver.send('tell');
    const { frames, ...rest } = await heard;
    return { ...sent, ...rest, frames, brokerCpu, streams: load.streams, lost: load.streams * load.frames - frames };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
}

function nameOf(stream: number): string {
  return `app-${stream}`;
}

/** The shipped policy with one app for each stream, and an identity for each. */
async function prepare(directory: string, streams: number): Promise<void> {
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  const ttlSeconds = TTL_SECONDS;
  await issueIdentity(authority, join(directory, 'argus'), { name: 'argus', role: 'broker', ttlSeconds }, 'unsealed');
  const names = ['audio-vm', ...Array.from({ length: streams }, (_, stream) => nameOf(stream))];
  for (const name of names)
    await issueIdentity(authority, join(directory, name), { name, role: 'domain', ttlSeconds }, 'unsealed');
  await copyShippedPolicy(join(directory, 'policy'));
  const inventory = join(directory, 'policy', 'domains.yaml');
  const apps = names
    .slice(1)
    .map((name, stream) => `  - name: ${name}\n    domid: ${FIRST_DOMID + stream}\n    labels: ["@app", "@speaker"]\n`);
  await writeFile(inventory, (await readFile(inventory, 'utf8')) + apps.join(''));
}

async function play(task: Task): Promise<void> {
  if (task.role === 'broker') await serve(task);
  else if (task.role === 'receiver') await receive(task);
  else await send(task);
}

async function serve({ directory }: Task): Promise<void> {
  await startBroker({
    identity: join(directory, 'argus'),
    policy: join(directory, 'policy'),
    audit: join(directory, 'audit'),
    runtime: join(directory, 'run'),
    watchPolicy: false,
    log: { level: 'error' },
  });
  let since = { cpu: process.cpuUsage(), at: performance.now() };
  process.on('message', (word) => {
    if (word === 'tell') process.send?.(shareOfCore(since));
    else since = { cpu: process.cpuUsage(), at: performance.now() };
  });
  process.send?.('up');
}

function shareOfCore({ cpu, at }: { readonly cpu: NodeJS.CpuUsage; readonly at: number }): number {
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1_000 / (performance.now() - at);
}

function dial({ directory }: Task, name: string): Promise<Vm> {
  return connect({ carrier: `unix:${join(directory, 'run', name)}.sock`, identity: join(directory, name) });
}

async function receive(task: Task): Promise<void> {
  const vm = await dial(task, 'audio-vm');
  const ring = await vm.registerRing({ port: PORT, partner: 'any', length: RING_BYTES });
  const latencies = new Uint32Array(MAX_LATENCY_MICROS);
  /** By domid. */
  const expected = new Uint32Array(0x1_0000);
  let [frames, glitches] = [0, 0];
  let since = { cpu: process.cpuUsage(), at: performance.now() };
  process.send?.('up');
  process.on('message', async () => {
    const receiverCpu = shareOfCore(since);
    // A broker that is behind has not lost what it still has: a frame is lost when nothing comes any more.
    for (let before = -1; before < frames && frames < task.streams * task.frames; ) {
      before = frames;
      await new Promise((resolve) => setTimeout(resolve, LAST_FRAME_MS));
    }
    process.send?.({ frames, glitches, receiverCpu, ...percentiles(latencies) } satisfies Heard);
  });
  // In place, and without a promise for each message: the broker is measured, so the receiver must not be the limit.
  await ring.consume(({ source, type, payload }) => {
    if (frames === 0) since = { cpu: process.cpuUsage(), at: performance.now() };
    const micros = (sharedMicros() - type) >>> 0;
    const number = readU32(payload, 0);
    const bucket = Math.min(micros, MAX_LATENCY_MICROS - 1);
    if (number >= WARM_UP_FRAMES) latencies[bucket] = (latencies[bucket] ?? 0) + 1;
    const isWhole = payload.length === FRAME_BYTES && payload[FRAME_BYTES - 1] === (number & 0xff);
    if (!isWhole || number !== (expected[source.domid] ?? 0)) glitches++;
    expected[source.domid] = number + 1;
    frames++;
  });
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

function percentiles(latencies: Uint32Array): Pick<Heard, 'p50' | 'p99' | 'max'> {
  const count = latencies.reduce((sum, each) => sum + each, 0);
  const at = (share: number): number => {
    let left = Math.ceil(count * share);
    for (let micros = 0; micros < latencies.length; micros++) {
      left -= latencies[micros] ?? 0;
      if (left <= 0) return micros;
    }
    return latencies.length;
  };
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function send(task: Task): Promise<void> {
  const { frameMs, frames } = task;
  const run = frameMs === null ? await fastRun(task) : await pacedRun(task, frameMs);
  process.send?.('up');
  await new Promise((resolve) => process.once('message', resolve));
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const late = await run(frames, startedAt);
  const seconds = (performance.now() - startedAt) / 1_000;
  const share = shareOfCore({ cpu, at: startedAt });
  process.send?.({ seconds, late, cpu: share } satisfies Sent);
}

/** Sends the frames, and resolves with the milliseconds that it was late at most. */
type Run = (frames: number, startedAt: number) => Promise<number>;

/** One frame after the other, as fast as the broker acknowledges them. */
async function fastRun(task: Task): Promise<Run> {
  const vm = await dial(task, nameOf(0));
  const flow = await vm.flow({ to: { domain: AUDIO_VM, port: PORT } });
  return async (frames) => {
    for (let number = 0; number < frames; number++) {
      flow.send(frameOf(number), sharedMicros());
      if (number % WINDOW === WINDOW - 1) await flow.settled();
    }
    await flow.settled();
    return 0;
  };
}

/**
 * Streams begin one after the other within a second, and their frames are spread over one frame's time, as those of
 * strangers are. If all began at once, the ring of the receiver, which holds a third of a second of 300 streams, would be
 * full before the compilers of three processes had done their work. One timer drives all of them.
 */
async function pacedRun(task: Task, frameMs: number): Promise<Run> {
  const { streams } = task;
  const senders: PlainSender[] = [];
  for (let stream = 0; stream < streams; stream++) {
    const name = nameOf(stream);
    const path = join(task.directory, 'run', `${name}.sock`);
    const to = { domid: AUDIO_VM, port: PORT };
    senders.push(await PlainSender.connect(path, join(task.directory, name), to, FRAME_BYTES));
  }
  return async (frames, startedAt) => {
    let late = 0;
    const total = streams * (frames + START_FRAMES);
    for (let index = 0; index < total; ) {
      const now = performance.now() - startedAt;
      const due = Math.min(total, Math.floor((now / frameMs) * streams) + 1);
      late = Math.max(late, now - (index * frameMs) / streams);
      for (const end = Math.min(due, index + MAX_BURST); index < end; index++) {
        const stream = index % streams;
        const number = Math.floor(index / streams) - Math.floor((stream * START_FRAMES) / streams);
        if (number >= 0 && number < frames) senders[stream]?.send(frameOf(number), sharedMicros());
      }
      await new Promise((resolve) => (index < due ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
    while (senders.filter((sender) => !sender.flush()).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 1));
    return late;
  };
}

/** The frame with this number; valid until the next call. */
function frameOf(number: number): Uint8Array {
  frameView.setUint32(0, number, true);
  frame[FRAME_BYTES - 1] = number & 0xff;
  return frame;
}

/** Microseconds of the shared clock, modulo 2^32: it fits a message type. No BigInt for each message. */
function sharedMicros(): number {
  return Math.floor(CLOCK_OFFSET + performance.now() * 1_000) >>> 0;
}
