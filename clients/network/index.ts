/** The door of clients/network: the agents that carry DHCP, routes, Ethernet frames and TCP streams through the broker. */
export { NET_ERROR_CODES, NetError, type NetErrorCode } from './errors.ts';
export type { Attachment } from './link/attachment.ts';
export { Link, type LinkCounters, type LinkOptions } from './link/link.ts';
export { listenQemu, type QemuSocket } from './link/qemu.ts';
export { attachTap, type TapOptions } from './link/tap.ts';
