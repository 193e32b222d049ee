/** Services of the host that guests reach by AF_VSOCK (docs/devices.md). */
export { type HostService, HostServices } from './host-services.ts';
