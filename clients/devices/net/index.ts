/** The network card of a stock guest: VIRTIO 1.2 §5.1 over an Ethernet link of the network agent. */
export { type NetCounts, NetDevice, type NetDeviceOptions } from './device.ts';
export { MAX_NET_BUFFERS, MAX_NET_QUEUE_PAIRS, NET_WAITING_BYTES } from './limits.ts';
