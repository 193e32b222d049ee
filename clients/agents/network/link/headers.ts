/** Numbers of the headers that a link looks at: virtio_net_hdr (VIRTIO 1.2 §5.1.6), Ethernet, IP and TCP. */

/** struct virtio_net_hdr_v1. */
export const NET_HEADER_BYTES = 12;
export const NEEDS_CHECKSUM = 1;
export const GSO_NONE = 0;
export const GSO_TCP4 = 1;
export const GSO_TCP6 = 4;

export const ETHERNET_BYTES = 14;
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
export const IPV4_BYTES = 20;
export const IPV6_BYTES = 40;
export const TCP_BYTES = 20;
export const TCP = 6;
