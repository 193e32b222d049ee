/** The ivshmem device of one guest: doorbells to the broker, and sections of others into its region. */
import { readSync, writeSync } from 'node:fs';
import { ArgusError, type Message, type Vm } from '../../sdk/index.ts';
import { DeviceError } from '../base/index.ts';
import type { System } from '../sys/index.ts';
import type { DeviceReport } from '../vhost-user/index.ts';
import { Layout } from './layout.ts';
import { DOORBELL_DEADLINE_MS, IVSHMEM_PORT_BASE, MAX_REGION, MAX_VECTORS, PEER_RETRY_MS } from './limits.ts';
import { DOORBELL_HEADER_BYTES, decodeDoorbell, encodeDoorbell } from './message.ts';
import { type RegionCounts, SharedRegion } from './region.ts';
import { serveIvshmem } from './server.ts';

const MESSAGE_SLOT_BYTES = 16;
/** Argo's largest ring. */
const MAX_RING_BYTES = 16_777_152;

export interface IvshmemConfig {
  readonly socket: string;
  /** Number of the region: its Argo port is 2 100 000 000 plus this. */
  readonly region: number;
  /** Domains, in the order of their places; the same list for every guest of the region. */
  readonly peers: readonly string[];
  readonly sectionBytes: number;
  readonly vectors: number;
}

export interface IvshmemDevice {
  readonly counts: Readonly<RegionCounts>;
  close(): void;
}

/** A doorbell that waits for the broker. One that is rung again meanwhile is sent once more afterwards. */
interface Doorbell {
  isUnderWay: boolean;
  isRungAgain: boolean;
  isRefused: boolean;
}

/** @throws DeviceError ERR_DEVICE_OPTION, ERR_DEVICE_SOCKET, ERR_DEVICE_SYSTEM */
export async function startIvshmem(
  vm: Vm,
  system: System,
  config: IvshmemConfig,
  say: (line: string) => void,
  report: DeviceReport,
): Promise<IvshmemDevice> {
  const { peers, vectors } = config;
  const self = peers.indexOf(vm.name);
  if (self < 0 || new Set(peers).size !== peers.length)
    throw new DeviceError('ERR_DEVICE_OPTION', `the peers of a region are different domains, "${vm.name}" among them`);
  if (vectors < 1 || vectors > MAX_VECTORS)
    throw new DeviceError('ERR_DEVICE_OPTION', `a peer has 1 … ${MAX_VECTORS} vectors, not ${vectors}`);
  if (!Number.isInteger(config.region) || config.region < 0 || config.region > MAX_REGION)
    throw new DeviceError('ERR_DEVICE_OPTION', `a region has a number of 0 … ${MAX_REGION}, not ${config.region}`);
  const layout = new Layout(peers.length, config.sectionBytes);
  const port = IVSHMEM_PORT_BASE + config.region;
  const memory = system.sealedMemory(`argus-ivshmem-${config.region}`, layout.bytes);
  const region = new SharedRegion(layout, self, vectors, {
    read: (position, into) => readSync(memory.fd, into, 0, into.length, position) === into.length,
    write: (position, from) => writeSync(memory.fd, from, 0, from.length, position) === from.length,
  });
  const doorbells = new Map<number, Doorbell>();
  const placeOfDomid = new Map<number, number>();

  const ring = (peer: number, vector: number): void => {
    const key = peer * MAX_VECTORS + vector;
    const doorbell = doorbells.get(key) ?? { isUnderWay: false, isRungAgain: false, isRefused: false };
    doorbells.set(key, doorbell);
    if (doorbell.isUnderWay) {
      doorbell.isRungAgain = true;
      region.counts.joined++;
      return;
    }
    const outgoing = region.outgoing(vector);
    if (outgoing === null) return;
    doorbell.isUnderWay = true;
    region.counts.rung++;
    const settle = (code: string | null): void => {
      doorbell.isUnderWay = false;
      if (code !== null) region.counts.refused++;
      // Hardware cannot report a failed doorbell to the guest, so the device reports it to the operator, once per
      // change.
      if ((code !== null) !== doorbell.isRefused) say(`vector ${vector} to "${peers[peer]}": ${code ?? 'works again'}`);
      doorbell.isRefused = code !== null;
      if (!doorbell.isRungAgain) return;
      doorbell.isRungAgain = false;
      ring(peer, vector);
    };
    vm.sendv({
      to: { domain: peers[peer] ?? '', port },
      iov: [encodeDoorbell(outgoing.doorbell), outgoing.bytes],
      deadline: DOORBELL_DEADLINE_MS,
    }).then(
      () => settle(null),
      (error: unknown) => settle(error instanceof ArgusError ? error.code : 'EIO'),
    );
  };

  const plan = { peers: peers.length, self, vectors, memory };
  const server = await serveIvshmem(system, config.socket, plan, ring, report);
  const take = ({ source, payload }: Message): void => {
    const doorbell = decodeDoorbell(payload);
    const from = peers.indexOf(source.name);
    if (doorbell === null || from < 0) {
      region.counts.malformed++;
      return;
    }
    placeOfDomid.set(source.domid, from);
    if (region.incoming(from, doorbell, payload.subarray(DOORBELL_HEADER_BYTES))) server.interrupt(doorbell.vector);
  };
  const onPeerGone = ({ domid }: { readonly domid: number }): void => {
    const place = placeOfDomid.get(domid);
    if (place !== undefined) region.setState(place, false);
  };
  vm.on('peer-gone', onPeerGone);
  const receivers = peers
    .filter((_, place) => place !== self)
    .map((peer) => receive(vm, { port, partner: peer, length: ringBytes(layout) }, take, say));
  say(
    `region ${config.region}: place ${self} of ${peers.length}, ${layout.bytes} bytes, waiting for a VMM at ${config.socket}`,
  );
  const close = (): void => {
    // The session outlives the device, and the memory goes with the server.
    vm.off('peer-gone', onPeerGone);
    for (const receiver of receivers) receiver.stop();
    server.close();
  };
  return { counts: region.counts, close };
}

function ringBytes(layout: Layout): number {
  const message = MESSAGE_SLOT_BYTES + DOORBELL_HEADER_BYTES + layout.sectionBytes + MESSAGE_SLOT_BYTES;
  return Math.min(MAX_RING_BYTES, Math.ceil((2 * message) / MESSAGE_SLOT_BYTES) * MESSAGE_SLOT_BYTES);
}

interface Receiver {
  stop(): void;
}

/** Keeps the ring of one peer for as long as policy lets it, and asks again when another policy is in force. */
function receive(
  vm: Vm,
  wish: { readonly port: number; readonly partner: string; readonly length: number },
  take: (message: Message) => void,
  say: (line: string) => void,
): Receiver {
  let isStopped = false;
  let wake = (): void => {};
  const onRevision = (): void => wake();
  vm.on('revision', onRevision);
  void (async () => {
    let wasRefused = false;
    while (!isStopped) {
      try {
        const ring = await vm.registerRing(wish);
        if (wasRefused) say(`doorbells of "${wish.partner}" are received again`);
        wasRefused = false;
        await ring.consume(take);
      } catch (error) {
        if (!(error instanceof ArgusError)) throw error;
        if (!wasRefused) say(`doorbells of "${wish.partner}" cannot be received now: ${error.code}`);
        wasRefused = true;
      }
      if (isStopped || vm.state === 'closed' || vm.state === 'closing') return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PEER_RETRY_MS);
        timer.unref();
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  return {
    stop: () => {
      isStopped = true;
      vm.off('revision', onRevision);
      wake();
    },
  };
}
