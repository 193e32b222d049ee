/**
 * Operation codes of frames. Below 0x80: domain to broker; from 0x80: broker to domain; from 0xf0: between two brokers
 * (only `proof` is here, because it belongs to the handshake; the others are in broker/federation/frames.ts).
 */
export const Op = {
  ready: 0x01,
  registerRing: 0x10,
  unregisterRing: 0x11,
  sendv: 0x12,
  notify: 0x13,
  credit: 0x14,
  resolve: 0x15,
  ping: 0x16,
  pong: 0x17,
  credential: 0x18,

  welcome: 0x81,
  reply: 0x90,
  notified: 0x91,
  ack: 0x92,
  refused: 0x93,
  deliver: 0x94,
  introduce: 0x95,
  space: 0xa0,
  peerGone: 0xa1,
  revoked: 0xa2,
  ringClosed: 0xa3,
  revision: 0xa4,
  brokerPing: 0xb0,
  brokerPong: 0xb1,

  proof: 0xf0,
} as const;
export type Op = (typeof Op)[keyof typeof Op];
