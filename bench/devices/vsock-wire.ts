/** A stream of AF_VSOCK, as the driver of Linux speaks it: packets of up to 64 KiB out, buffers of a page in, credit. */
import { Feature } from '../../clients/devices/vhost-user/index.ts';
import { decodePacket, encodePacket, Operation, SocketType } from '../../clients/devices/vsock/index.ts';
import { FrontEnd } from '../../test/devices/guest/front-end.ts';
import { RingDriver } from './ring-driver.ts';
import { GUESTS, VSOCK_PORT, type Wire, type WireEvents, type WireSetup } from './wire.ts';

const QUEUE_SIZE = 128;
const HEADER_BYTES = 44;
const PAGE_BYTES = 4_096;
const PACKET_BYTES = 65_536;
const SEND_BUFFERS = 16;
const WINDOW_BYTES = 262_144;
/** Linux tells the sender when less than this is left of the window. */
const LEFT_BYTES = 65_536;
const CALLER_PORT = 1_000;

export async function openVsockWire({ socket, place }: WireSetup, events: WireEvents): Promise<Wire> {
  const [own, peer] = place === 0 ? GUESTS : [GUESTS[1], GUESTS[0]];
  const [sourcePort, destinationPort] = place === 0 ? [CALLER_PORT, VSOCK_PORT] : [VSOCK_PORT, CALLER_PORT];
  const vmm = await FrontEnd.attach(socket);
  await vmm.start(2, { size: QUEUE_SIZE, features: Feature.eventIndex | 3n });
  const receive = new RingDriver(vmm, 0, QUEUE_SIZE, HEADER_BYTES + PAGE_BYTES, true);
  const send = new RingDriver(vmm, 1, SEND_BUFFERS, HEADER_BYTES + PACKET_BYTES, false);
  let [sent, consumed, announced] = [0, 0, 0];
  let [peerWindow, peerConsumed] = [0, 0];
  let isOpen = false;
  let isBlocked = false;

  const packet = (operation: Operation, payload: Uint8Array | null): boolean => {
    const header = {
      sourceCid: own.cid,
      destinationCid: peer.cid,
      sourcePort,
      destinationPort,
      type: SocketType.stream,
      operation,
      flags: 0,
      bufAlloc: WINDOW_BYTES,
      fwdCnt: consumed >>> 0,
    };
    if (!send.send(encodePacket(header, payload))) return false;
    announced = consumed;
    return true;
  };
  const hear = (bytes: Buffer): void => {
    const heard = decodePacket(bytes);
    if (heard === null) throw new Error('the device delivered nonsense');
    peerWindow = heard.bufAlloc;
    peerConsumed = heard.fwdCnt;
    if (heard.operation === Operation.reset) throw new Error('the connection was reset');
    if (heard.operation === Operation.request) packet(Operation.response, null);
    isOpen ||= heard.operation === Operation.request || heard.operation === Operation.response;
    const payload = bytes.length - HEADER_BYTES;
    if (payload === 0) return;
    consumed += payload;
    events.onBytes(payload);
    if (WINDOW_BYTES - (consumed - announced) < LEFT_BYTES) packet(Operation.creditUpdate, null);
  };
  const turn = (): void => {
    receive.take((address, length) => {
      const bytes = Buffer.alloc(length);
      vmm.read(address, bytes);
      hear(bytes);
    });
    receive.offer();
    if (isBlocked) {
      isBlocked = false;
      events.onRoom();
    }
    send.announce();
  };
  receive.offer();
  void (async () => {
    for (;;) {
      await vmm.event();
      turn();
    }
  })();
  if (place === 0) {
    packet(Operation.request, null);
    send.announce();
  }
  while (place === 0 && !isOpen) await vmm.event();
  return {
    send: (bytes) => {
      const room = peerWindow - ((sent - peerConsumed) >>> 0);
      isBlocked = room < bytes || !packet(Operation.data, Buffer.alloc(bytes, 120));
      if (!isBlocked) sent = (sent + bytes) >>> 0;
      return !isBlocked;
    },
    flush: () => send.announce(),
    close: () => vmm.close(),
  };
}
