/** AF_VSOCK between guests (docs/devices.md). */
export { BrokerExchange } from './broker-exchange.ts';
export { type VsockCounts, VsockDevice } from './device.ts';
export type { Exchange, ExchangeEvents } from './exchange.ts';
export { MAX_SERVICE_PORT, MAX_VSOCK_PAYLOAD_BYTES, VSOCK_PORT_BASE } from './limits.ts';
export { decodeMessage, encodeMessage, MESSAGE_HEADER_BYTES, type PeerMessage } from './message.ts';
export { decodePacket, encodePacket, Operation, type Packet, SocketType } from './packet.ts';
