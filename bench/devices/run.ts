/**
 * `npm run bench -- --devices`: two guests through their device processes and a broker, next to a plain relay in the
 * place of the broker, to the same devices in one process without a broker, and to a bare socket between the two
 * guests. The sound card of the first one plays alone, in real time.
 *
 * Each guest, each device process and the broker (this process) is a process of its own, as on a host. The guests are
 * drivers in Node instead of VMs, the same in each way, so the figures hold neither a VMM nor its emulation.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Site, startSite } from '../../test/support/network/site.ts';
import { CLI, nodeArguments } from '../../test/support/program.ts';
import { endWithThisProcess, keepStderr, startRoleServer, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { callerOf } from '../roles/calls.ts';
import { processCpuMicros } from '../throughput/process-cpu.ts';
import type { GuestCalls } from './guest.ts';
import { SEGMENT_BYTES } from './net-wire.ts';
import type { RelaySockets } from './plain-relay.ts';
import type { RelayedDevice } from './relayed-device.ts';
import { measureSoundCard, type SoundCardFigure } from './sound-card/sound-card.ts';
import { ANSWERS_PER_WINDOW, GUESTS, SECTION_BYTES, VSOCK_PORT, type WireKind, type WireSetup } from './wire.ts';
import type { WithoutBroker } from './without-broker.ts';

const SMALL_BYTES = 64;
const STREAM_BYTES = 65_536;
const FRAME_BYTES = 1_514;
const SMALL_FRAME_BYTES = 98; // of a ping
const MIB = 1_048_576;
/** How much may be under way between two frames, which have no credit of their own: about a window of TCP. */
const FRAME_WINDOW_BYTES = 131_072;
const SEGMENT_WINDOW_BYTES = 524_288;

export const DEVICE_KINDS = ['vsock', 'net', 'ivshmem', 'sound'] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];

export interface DevicePlan {
  /** Round trips of each figure, in each of the rounds, which take turns. */
  readonly trips: number;
  readonly rounds: number;
  readonly streamMib: number;
  /** How long the sound card plays. */
  readonly minutes: number;
  readonly kinds: readonly DeviceKind[];
}
export const FULL_DEVICES: DevicePlan = { trips: 1_000, rounds: 7, streamMib: 64, minutes: 1, kinds: DEVICE_KINDS };
export const QUICK_DEVICES: DevicePlan = { trips: 200, rounds: 2, streamMib: 4, minutes: 0.1, kinds: DEVICE_KINDS };

export interface DeviceReport {
  readonly devices: readonly DeviceFigure[];
  /** Null: it was not asked for. */
  readonly sound: SoundCardFigure | null;
}

export interface DeviceFigure {
  readonly what: string;
  readonly unit: 'µs' | 'MiB/s';
  /** Medians of the rounds. */
  readonly argus: number;
  /** A relay that opens and seals, in the place of the broker: as many processes. Null for ivshmem. */
  readonly relay: number | null;
  /** The same devices in one process, without a broker; for ivshmem memory that both guests share. */
  readonly withoutBroker: number;
  /** A unix socket between the two guests; null where nothing of the kind exists. */
  readonly socket: number | null;
  /** CPU of each process on the way of Argus, microseconds for each round trip or MiB. */
  readonly cpu: { readonly broker: number; readonly devices: number };
}

type Way = 'argus' | 'relay' | 'withoutBroker' | 'socket';
type Pair = readonly [Guest, Guest];

interface Guest {
  call<Name extends keyof GuestCalls>(
    name: Name,
    ...argument: Parameters<GuestCalls[Name]>
  ): Promise<Awaited<ReturnType<GuestCalls[Name]>>>;
  close(): Promise<void>;
}

/** What a device is measured by, in each way that exists for it. */
interface Scenario {
  readonly device: keyof WithoutBroker;
  readonly wire: WireKind;
  readonly socket: WireKind | null;
  readonly measures: readonly Measure[];
}

/** One figure: how a pair is measured once, and for how many trips or MiB the measured CPU is. */
interface Measure {
  readonly what: string;
  readonly unit: DeviceFigure['unit'];
  readonly count: number;
  once(pair: Pair): Promise<number>;
}

const ROWS = [
  'p, @app, broker, argo, register_any_source, allow',
  'p, @app, @app, argo, *, allow',
  'p, @app, @app, vsock, *, allow',
  'p, @app, @app, ethernet, *, allow',
  'p, @app, @app, ivshmem, *, allow',
];

/** `folder`: for sockets. */
export async function runDevices(
  folder: string,
  plan: DevicePlan,
  cleanup: Cleanup,
  progress: (line: string) => void,
): Promise<DeviceReport> {
  const site = await startSite({
    'policy.csv': (text) => `${text}\n${ROWS.join('\n')}\n`,
    'assertions.csv': () => '',
    'tests.csv': () => '',
  });
  cleanup.add(() => site.close());
  const devices = plan.kinds.some((kind) => kind !== 'sound')
    ? await compareWays(folder, site, plan, cleanup, progress)
    : [];
  if (!plan.kinds.includes('sound')) return { devices, sound: null };
  progress(`sound card, ${plan.minutes} min`);
  const startCard = async (audioVm: string, socket: string): Promise<void> => {
    const card = await spawnDevice(site, GUESTS[0].name, ['--sound', socket, '--audio-vm', audioVm], 1);
    cleanup.add(() => stopChild(card));
  };
  return { devices, sound: await measureSoundCard(site, plan.minutes, startCard, cleanup) };
}

/** The devices of two guests that talk to each other. */
async function compareWays(
  folder: string,
  site: Site,
  plan: DevicePlan,
  cleanup: Cleanup,
  progress: (line: string) => void,
): Promise<readonly DeviceFigure[]> {
  const sockets = (way: string): WithoutBroker => {
    const pair = (kind: string): [string, string] => [`${folder}/${way}-${kind}-0`, `${folder}/${way}-${kind}-1`];
    return { vsock: pair('vsock'), net: pair('net'), ivshmem: pair('ivshmem') };
  };
  const [ours, relayed, bare] = [sockets('argus'), sockets('relay'), sockets('bare')];
  const devices = await Promise.all([0, 1].map((place) => startDevice(site, place as 0 | 1, ours)));
  for (const child of devices) cleanup.add(() => stopChild(child));
  const direct = await startRoleServer('../devices/without-broker.ts', bare);
  cleanup.add(() => direct.stop());
  await startRelay([`${folder}/relay-0`, `${folder}/relay-1`], relayed, cleanup);

  const figures: DeviceFigure[] = [];
  const scenarios: readonly Scenario[] = [
    {
      device: 'vsock',
      wire: 'vsock',
      socket: 'stream',
      measures: [
        roundTrip('vsock round trip, 64 B', SMALL_BYTES, plan),
        roundTrip('vsock round trip, 32 KiB', STREAM_BYTES / 2, plan),
        throughput('vsock throughput', STREAM_BYTES, 0, plan),
      ],
    },
    {
      device: 'net',
      wire: 'net',
      socket: 'frames',
      measures: [
        roundTrip('network round trip, 98 B frames', SMALL_FRAME_BYTES, plan),
        throughput('network throughput, MTU 1500', FRAME_BYTES, FRAME_WINDOW_BYTES, plan),
      ],
    },
    {
      device: 'net',
      wire: 'segments',
      socket: 'frames',
      measures: [throughput('network throughput, segments of 64 KiB', SEGMENT_BYTES, SEGMENT_WINDOW_BYTES, plan)],
    },
    {
      device: 'ivshmem',
      wire: 'ivshmem',
      socket: null,
      measures: [roundTrip('ivshmem doorbell and back, 4 KiB sections', SECTION_BYTES, plan)],
    },
  ];
  for (const [index, { device, wire, socket, measures }] of scenarios.entries()) {
    if (!plan.kinds.includes(device)) continue;
    const pairs = new Map<Way, Pair>([['argus', await startPair(wire, ours[device])]]);
    if (device !== 'ivshmem') pairs.set('relay', await startPair(wire, relayed[device]));
    pairs.set('withoutBroker', await startPair(wire, bare[device]));
    const path = `${folder}/socket-${index}`;
    if (socket !== null) pairs.set('socket', await startPair(socket, [path, path]));
    for (const measure of measures) {
      progress(measure.what);
      figures.push(await compare(measure, pairs, plan.rounds, devices));
    }
    for (const pair of pairs.values()) for (const guest of pair) await guest.close();
  }
  return figures;
}

function roundTrip(what: string, bytes: number, { trips }: DevicePlan): Measure {
  return {
    what,
    unit: 'µs',
    count: trips,
    once: async ([asking, answering]) => {
      await answering.call('echo', { perAnswer: 0, largest: bytes });
      return asking.call('ask', { bytes, trips });
    },
  };
}

function throughput(what: string, bytes: number, windowBytes: number, { streamMib }: DevicePlan): Measure {
  const count = Math.ceil((streamMib * MIB) / bytes);
  return {
    what,
    unit: 'MiB/s',
    count: streamMib,
    once: async ([sending, counting]) => {
      const perAnswer = windowBytes > 0 ? windowBytes / ANSWERS_PER_WINDOW : bytes * count;
      await counting.call('echo', { perAnswer, largest: SMALL_FRAME_BYTES });
      const micros = await sending.call('push', { bytes, count, windowBytes });
      return (bytes * count) / MIB / (micros / 1e6);
    },
  };
}

async function compare(
  { what, unit, count, once }: Measure,
  pairs: ReadonlyMap<Way, Pair>,
  rounds: number,
  devices: readonly ChildProcess[],
): Promise<DeviceFigure> {
  const got: Record<Way, number[]> = { argus: [], relay: [], withoutBroker: [], socket: [] };
  const cpu = { broker: 0, devices: 0 };
  for (let round = 0; round <= rounds; round++)
    for (const [way, pair] of pairs) {
      const before = cpuOf(devices);
      const figure = await once(pair);
      if (round === 0) continue; // warms up
      got[way].push(figure);
      if (way !== 'argus') continue;
      const after = cpuOf(devices);
      cpu.broker += (after.broker - before.broker) / count / rounds;
      cpu.devices += (after.devices - before.devices) / count / rounds;
    }
  return {
    what,
    unit,
    argus: median(got.argus),
    relay: got.relay.length === 0 ? null : median(got.relay),
    withoutBroker: median(got.withoutBroker),
    socket: got.socket.length === 0 ? null : median(got.socket),
    cpu,
  };
}

function cpuOf(devices: readonly ChildProcess[]): DeviceFigure['cpu'] {
  const { user, system } = process.cpuUsage();
  return { broker: user + system, devices: devices.reduce((sum, { pid = 0 }) => sum + processCpuMicros(pid), 0) };
}

/** `argus device` of one guest, with all that the two guests talk over. */
function startDevice(site: Site, place: 0 | 1, sockets: WithoutBroker): Promise<ChildProcess> {
  const peer = GUESTS[1 - place]?.name ?? '';
  const options = [
    ...['--vsock', sockets.vsock[place], '--listen', String(VSOCK_PORT), '--net', sockets.net[place], '--link', peer],
    ...['--ivshmem', sockets.ivshmem[place], '--peers', ...GUESTS.map((guest) => guest.name)],
    ...['--section', String(SECTION_BYTES)],
  ];
  return spawnDevice(site, GUESTS[place].name, options, 3);
}

/** Resolves when it waits for a VMM at so many sockets. */
async function spawnDevice(
  site: Site,
  name: string,
  options: readonly string[],
  sockets: number,
): Promise<ChildProcess> {
  const session = ['--domain', name, '--carrier', site.carrierOf(name), '--identity', site.identityOf(name)];
  const child = spawn(process.execPath, nodeArguments(CLI, 'device', ...session, ...options), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endWithThisProcess(child);
  let left = sockets;
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`argus device ended:\n${said.join('\n')}`)));
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (/waiting for a VMM/.test(line) && --left === 0) resolve();
      });
  });
  return child;
}

/** The relay and the two processes with the devices, which dial it. */
async function startRelay(sockets: RelaySockets, devices: WithoutBroker, cleanup: Cleanup): Promise<void> {
  const relay = await startRoleServer('../devices/plain-relay.ts', sockets);
  cleanup.add(() => relay.stop());
  for (const place of [0, 1] as const) {
    const setup: RelayedDevice = {
      place,
      relay: sockets[place],
      vsock: devices.vsock[place],
      net: devices.net[place],
    };
    const device = await startRoleServer('../devices/relayed-device.ts', setup);
    cleanup.add(() => device.stop());
  }
}

async function startPair(kind: WireKind, sockets: readonly [string, string]): Promise<Pair> {
  const [asking, answering] = [0, 1].map((place) =>
    startGuest({ kind, socket: sockets[place] ?? '', place: place as 0 | 1 }),
  );
  if (asking === undefined || answering === undefined) throw new Error('no guests');
  const opened = answering.call('open');
  // A request to a guest without a driver is refused; a socket is open only when both have opened it.
  if (kind === 'vsock') await opened;
  await Promise.all([opened, asking.call('open')]);
  return [asking, answering];
}

function startGuest(setup: WireSetup): Guest {
  const path = fileURLToPath(new URL('guest.ts', import.meta.url));
  const child = fork(path, [JSON.stringify(setup)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  endWithThisProcess(child);
  const call = callerOf(child, `guest ${setup.place} (${setup.kind})`, keepStderr(child));
  return { call: (name, ...[argument]) => call(name, argument) as never, close: () => stopChild(child) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
