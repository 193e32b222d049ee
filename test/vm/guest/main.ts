/**
 * Programs of the test guests, in one bundle: `node guest.mjs ROLE …`, over the serial port and the SDK alone.
 *
 * Each prints what it sees, a line at a time; the test on the host reads the console.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ArgusError, connect, type Vm } from '../../../clients/sdk/index.ts';
import { FIRST_TYPE, MESSAGE_BYTES, SOUND_PORT, soundMessage } from './sound.ts';

const CARRIER = process.env.ARGUS_CARRIER ?? 'serial:/dev/virtio-ports/argus.0';
const IDENTITY = process.env.ARGUS_IDENTITY ?? '/etc/argus/identity';
/** Messages under way at one time: as deep as a sound server's buffer. */
const WINDOW = 32;
const DEADLINE_MS = 60_000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function session(identity = IDENTITY): Promise<Vm> {
  for (;;) {
    try {
      const vm = await connect({ carrier: CARRIER, identity, handshakeTimeoutMs: 30_000 });
      print(`session ${vm.name} ${vm.domid}`);
      vm.on('disconnected', ({ reason }) => print(`lost ${reason.code}`));
      vm.on('reconnected', () => print('again'));
      return vm;
    } catch (error) {
      if (!(error instanceof ArgusError) || !isPassing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200)); // the host's end may come later than the guest
    }
  }
}

function isPassing(error: ArgusError): boolean {
  return ['ERR_CLIENT_UNREACHABLE', 'ERR_CLIENT_LOST', 'ERR_CLIENT_HANDSHAKE_TIMEOUT', 'ERR_CLIENT_SHUTDOWN'].includes(
    error.code,
  );
}

/** audio-vm: hashes each playing of `messages` messages. */
async function sink(messages: number): Promise<void> {
  const vm = await session();
  const ring = await vm.registerRing({ port: SOUND_PORT, partner: 'any', length: 1024 * 1024 });
  print('listening');
  let hash = createHash('sha256');
  let count = 0;
  for await (const { source, type, payload } of ring) {
    if (type === FIRST_TYPE) {
      if (count > 0) print(`cut off ${source.name} after ${count}`);
      hash = createHash('sha256');
      count = 0;
    }
    hash.update(payload);
    if (++count === 10) print(`playing ${source.name}`);
    if (count === messages) {
      print(`played ${source.name} ${hash.digest('hex')} rss ${status('VmRSS')} hwm ${status('VmHWM')}`);
      count = 0;
    }
  }
}

/** chrome-vm: plays the sound `times` times, each as one piece; a playing that a break has cut short is begun again. */
async function source(messages: number, times: number): Promise<void> {
  const vm = await session();
  for (let played = 0; played < times; ) {
    try {
      await play(vm, messages);
      played++;
      print(`sent ${messages}`);
    } catch (error) {
      if (!(error instanceof ArgusError)) throw error;
      print(`stopped ${error.code}`);
      // ECONNREFUSED: the sound server is away, too.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  await vm.close();
  print('source done');
}

async function play(vm: Vm, messages: number): Promise<void> {
  const open = new Set<Promise<unknown>>();
  for (let index = 0; index < messages; index++) {
    const sent = vm
      .sendv({
        to: { domain: 'audio-vm', port: SOUND_PORT },
        type: index === 0 ? FIRST_TYPE : 0,
        iov: soundMessage(index),
        deadline: DEADLINE_MS,
      })
      .finally(() => open.delete(sent));
    sent.catch(() => {}); // awaited below
    open.add(sent);
    if (open.size >= WINDOW) await Promise.race(open);
  }
  await Promise.all(open);
}

/** Round trips: `echo` in one guest, `ping` in the other. */
const ECHO_PORT = 5000;
async function echo(): Promise<void> {
  const vm = await session();
  const ring = await vm.registerRing({ port: ECHO_PORT, partner: 'any', length: 1024 * 1024 });
  print('listening');
  for await (const { source: from, port, type, payload } of ring) {
    if (port !== 0) await vm.sendv({ to: { domain: from.domid, port }, iov: payload, type });
  }
}

async function ping(rounds: number, messages: number): Promise<void> {
  const vm = await session();
  const ring = await vm.registerRing({ port: ECHO_PORT + 1, partner: 'audio-vm', length: 65_536 });
  const to = { domain: 'audio-vm', port: ECHO_PORT };
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await vm.sendv({ to, from: ECHO_PORT + 1, iov: new Uint8Array(64), deadline: DEADLINE_MS });
    await ring.receive();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const began = performance.now();
  const payload = new Uint8Array(MESSAGE_BYTES);
  const open = new Set<Promise<unknown>>();
  for (let index = 0; index < messages; index++) {
    const sent = vm.sendv({ to, iov: payload, deadline: DEADLINE_MS }).finally(() => open.delete(sent));
    open.add(sent);
    if (open.size >= WINDOW * 8) await Promise.race(open);
  }
  await Promise.all(open);
  const seconds = (performance.now() - began) / 1000;
  print(`rtt median ${at(times, 0.5)} ms, p90 ${at(times, 0.9)} ms`);
  print(`throughput ${Math.round(messages / seconds)} messages/s of ${MESSAGE_BYTES} bytes`);
  await vm.close();
  print('ping done');
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
}

/** rogue-vm: everything a guest can try. Each line says what came of it. */
async function rogue(): Promise<void> {
  const vm = await session();
  const tries: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['play sound', () => send(vm, 'audio-vm', SOUND_PORT, soundMessage(0))],
    ['open the microphone', () => send(vm, 'audio-vm', 4714, Buffer.from([1, 0, 0, 0]))],
    ['send to an app', () => send(vm, 'chrome-vm', SOUND_PORT, soundMessage(0))],
    ['send to a domain that does not exist', () => send(vm, 'no-such-vm', SOUND_PORT, soundMessage(0))],
    ['hear everybody', () => vm.registerRing({ port: 1, partner: 'any', length: 4096 })],
    ['hear the apps', () => vm.registerRing({ port: 1, partner: 'chrome-vm', length: 4096 })],
  ];
  for (const [what, attempt] of tries) {
    const outcome = await attempt().then(
      () => 'DONE',
      (error: unknown) => (error instanceof ArgusError ? error.code : String(error)),
    );
    print(`rogue: ${what}: ${outcome}`);
  }
  await vm.close();
}

function send(vm: Vm, domain: string, port: number, iov: Uint8Array): Promise<number> {
  return vm.sendv({ to: { domain, port }, iov });
}

/** A program with a bug: it ends with its session open and a read waiting in the kernel. */
async function crash(): Promise<void> {
  await session();
  throw new Error('a bug');
}

/** rogue-vm with a stolen identity: the port belongs to rogue-vm all the same. */
async function thief(directory: string): Promise<void> {
  const outcome = await session(directory).then(
    (vm) => `DONE as ${vm.name}`,
    (error: unknown) => (error instanceof ArgusError ? error.code : String(error)),
  );
  print(`rogue: be chrome-vm: ${outcome}`);
}

/** Bytes that are no protocol at all, and a hello that nobody signed, straight into the port. */
function garbage(): void {
  const port = openSync('/dev/virtio-ports/argus.0', 'r+');
  writeSync(port, Buffer.alloc(4000, 0x5a));
  writeSync(
    port,
    Buffer.concat([Buffer.from('a76701010000000000000000000000000800000000000000', 'hex'), Buffer.alloc(8)]),
  );
  closeSync(port);
  print('garbage written');
}

/** A line of /proc/self/status, in MiB. */
function status(name: string): string {
  const kib = Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
  return `${Math.round(kib / 1024)} MiB`;
}

const [, , role = '', first = '0', second = '0'] = process.argv;
const ROLES: ReadonlyMap<string, () => void | Promise<void>> = new Map([
  ['sink', () => sink(Number(first))],
  ['source', () => source(Number(first), Number(second))],
  ['echo', echo],
  ['ping', () => ping(Number(first), Number(second))],
  ['crash', crash],
  ['rogue', rogue],
  ['thief', () => thief(first)],
  ['garbage', garbage],
]);
await ROLES.get(role)?.();
