/**
 * The same devices without a broker, in one process that reaches the memory of both guests: how vhost-device-vsock and
 * vhost-user switches are built. The regions of ivshmem are one region here, which both guests have, as ivshmem is
 * meant.
 */
import { NODE_CLOCK } from '../../clients/agents/audio/index.ts';
import { typeOfPacket } from '../../clients/agents/network/link/offload.ts';
import { NetDevice } from '../../clients/devices/net/index.ts';
import { type Descriptor, listenUnix, openSystem, type System } from '../../clients/devices/sys/index.ts';
import { serveVhostUser } from '../../clients/devices/vhost-user/index.ts';
import { VsockDevice } from '../../clients/devices/vsock/index.ts';
import { VECTORS } from './ivshmem-wire.ts';
import { GUESTS, MAX_FRAME_BYTES, NET_HEADER_BYTES } from './wire.ts';

/** Sockets of the devices, by kind, one per guest. */
export interface WithoutBroker {
  readonly vsock: readonly [string, string];
  readonly net: readonly [string, string];
  readonly ivshmem: readonly [string, string];
}

/** A state table and two sections, and a power of two as QEMU demands. */
const REGION_BYTES = 16_384;

const sockets = JSON.parse(process.argv[2] ?? '{}') as WithoutBroker;
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => process.exit());
const system = await openSystem();
await serveVsock();
await serveNet();
await serveSharedRegion(system, sockets.ivshmem);
process.send?.('ready');

async function serveVsock(): Promise<void> {
  const devices: VsockDevice[] = [];
  for (const [index, { cid }] of GUESTS.entries()) {
    const device = new VsockDevice(
      {
        cid,
        underWayBytes: 0,
        send: (_peer, servicePort, message, payload) =>
          devices[1 - index]?.received(cid, servicePort, message, payload),
        expectAnswers: async () => true,
        endAnswers: () => {},
      },
      NODE_CLOCK,
    );
    devices.push(device);
    await serveVhostUser(system, sockets.vsock[index] ?? '', device, () => {});
  }
}

async function serveNet(): Promise<void> {
  const devices: NetDevice[] = [];
  for (const index of [0, 1]) {
    const device = new NetDevice({
      send: () => {},
      sendPacket: (packet) => devices[1 - index]?.writeSegment(packet.subarray(NET_HEADER_BYTES), typeOfPacket(packet)),
      maxFrameBytes: MAX_FRAME_BYTES,
    });
    devices.push(device);
    await serveVhostUser(system, sockets.net[index] ?? '', device, () => {});
  }
}

/** QEMU's ivshmem server: each guest gets the memory and rings the eventfds of the other itself. */
async function serveSharedRegion(system: System, paths: readonly string[]): Promise<void> {
  const memory = system.sealedMemory('region', REGION_BYTES);
  const events = GUESTS.map(() => Array.from({ length: VECTORS }, () => system.eventfd()));
  for (const [self, path] of paths.entries()) {
    const listener = await listenUnix(system, path);
    system.watch(listener, () => {
      const socket = system.accept(listener);
      if (socket === null) return;
      const tell = (number: number, descriptor: Descriptor | null): void => {
        const message = Buffer.alloc(8);
        message.writeBigInt64LE(BigInt(number));
        system.send(socket, message, descriptor === null ? [] : [descriptor]);
      };
      tell(0, null);
      tell(self, null);
      tell(-1, memory);
      for (const peer of [1 - self, self]) for (const event of events[peer] ?? []) tell(peer, event);
    });
  }
}
