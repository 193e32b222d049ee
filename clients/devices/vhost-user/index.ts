/** The vhost-user protocol, the device's side: one VMM, one device, one unix socket. */
export type { VirtioDevice, Wiring } from './device.ts';
export { Feature, ProtocolFeature, Request } from './protocol.ts';
export { type DeviceReport, type DeviceSocket, serveVhostUser } from './server.ts';
