/** The devices of one guest in a process of their own, whose messages go through a relay instead of the broker. */
import { NODE_CLOCK } from '../../clients/agents/audio/index.ts';
import { typeOfPacket } from '../../clients/agents/network/link/offload.ts';
import { NetDevice } from '../../clients/devices/net/index.ts';
import { openSystem } from '../../clients/devices/sys/index.ts';
import { serveVhostUser } from '../../clients/devices/vhost-user/index.ts';
import { decodeMessage, encodeMessage, MESSAGE_HEADER_BYTES, VsockDevice } from '../../clients/devices/vsock/index.ts';
import { SealedPipe } from './sealed-pipe.ts';
import { GUESTS, MAX_FRAME_BYTES, NET_HEADER_BYTES } from './wire.ts';

export interface RelayedDevice {
  readonly place: 0 | 1;
  /** Of the relay. */
  readonly relay: string;
  /** For the VMM. */
  readonly vsock: string;
  readonly net: string;
}

const VSOCK = 0;
const NET = 1;
/** u32 kind · u32 service port, or type of the frame. */
const HEADER_BYTES = 8;

const { place, relay, vsock, net } = JSON.parse(process.argv[2] ?? '{}') as RelayedDevice;
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => process.exit());
const [own, peer] = place === 0 ? GUESTS : [GUESTS[1], GUESTS[0]];
const pipe = await SealedPipe.dial(relay, (message) => {
  const word = message.readUInt32LE(4);
  const body = message.subarray(HEADER_BYTES);
  if (message.readUInt32LE(0) === NET) {
    card.writeSegment(body, word);
    return;
  }
  const decoded = decodeMessage(body);
  if (decoded !== null) sockets.received(peer.cid, word, decoded, body.subarray(MESSAGE_HEADER_BYTES));
});
const header = Buffer.alloc(HEADER_BYTES);
const headerOf = (kind: number, word: number): Buffer => {
  header.writeUInt32LE(kind, 0);
  header.writeUInt32LE(word, 4);
  return header;
};
const sockets = new VsockDevice(
  {
    cid: own.cid,
    underWayBytes: 0,
    send: (_peer, servicePort, message, payload) =>
      pipe.send(headerOf(VSOCK, servicePort), encodeMessage(message), payload),
    expectAnswers: async () => true,
    endAnswers: () => {},
  },
  NODE_CLOCK,
);
const card = new NetDevice({
  send: () => {},
  sendPacket: (packet) => pipe.send(headerOf(NET, typeOfPacket(packet)), packet.subarray(NET_HEADER_BYTES)),
  maxFrameBytes: MAX_FRAME_BYTES,
});
const system = await openSystem();
await serveVhostUser(system, vsock, sockets, () => {});
await serveVhostUser(system, net, card, () => {});
process.send?.('ready');
