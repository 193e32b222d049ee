/** The vhost-user protocol, the device's side: one VMM, one device, one unix socket. */
export type { VirtioDevice, Wiring } from './device.ts';
export { Feature, ProtocolFeature, Request } from './protocol.ts';
export { serveVhostUser } from './server.ts';
