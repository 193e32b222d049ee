/** A network card, as the driver of Linux uses it: one frame per chain, mergeable buffers. The frames are UDP. */
import { Feature } from '../../clients/devices/vhost-user/index.ts';
import { frame, ipv4Packet, u16 } from '../../test/agents/network/packets.ts';
import { FrontEnd } from '../../test/devices/front-end.ts';
import { RingDriver } from './ring-driver.ts';
import { GUESTS, type Wire, type WireEvents, type WireSetup } from './wire.ts';

const QUEUE_SIZE = 256;
const BUFFER_BYTES = 1_536;
const VIRTIO_HEADER_BYTES = 12;
const MERGEABLE = 1n << 15n;
const UDP = 17;
/** Ethernet, IPv4 and UDP. */
export const NET_OVERHEAD_BYTES = 42;

const textOf = (mac: readonly number[]): string => mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

export async function openNetWire({ socket, place }: WireSetup, events: WireEvents): Promise<Wire> {
  const [own, peer] = place === 0 ? GUESTS : [GUESTS[1], GUESTS[0]];
  const vmm = await FrontEnd.attach(socket);
  await vmm.start(2, { size: QUEUE_SIZE, features: Feature.eventIndex | MERGEABLE });
  const receive = new RingDriver(vmm, 0, QUEUE_SIZE, BUFFER_BYTES, true);
  const send = new RingDriver(vmm, 1, QUEUE_SIZE, VIRTIO_HEADER_BYTES + BUFFER_BYTES, false);
  const frames = new Map<number, Buffer>();
  const frameOf = (bytes: number): Buffer => {
    let made = frames.get(bytes);
    if (made === undefined) {
      const udp = [
        ...u16(5_000),
        ...u16(5_001),
        ...u16(bytes - 34),
        0,
        0,
        ...new Array(bytes - NET_OVERHEAD_BYTES).fill(120),
      ];
      const packet = ipv4Packet({ from: own.ipv4.join('.'), to: peer.ipv4.join('.'), protocol: UDP, payload: udp });
      made = Buffer.concat([
        Buffer.alloc(VIRTIO_HEADER_BYTES),
        frame(textOf(peer.mac), textOf(own.mac), 0x0800, packet),
      ]);
      frames.set(bytes, made);
    }
    return made;
  };
  const into = Buffer.alloc(BUFFER_BYTES);
  let isBlocked = false;
  receive.offer();
  void (async () => {
    for (;;) {
      await vmm.event();
      receive.take((address, length) => {
        vmm.read(address, into.subarray(0, length));
        events.onBytes(length - VIRTIO_HEADER_BYTES);
      });
      receive.offer();
      if (isBlocked) {
        isBlocked = false;
        events.onRoom();
      }
      send.announce();
    }
  })();
  return {
    send: (bytes) => {
      isBlocked = !send.send(frameOf(bytes));
      return !isBlocked;
    },
    flush: () => send.announce(),
    close: () => vmm.close(),
  };
}
