/**
 * Every number that we chose for the network agents, with unit and reason. The numbers of an RFC stand where they are
 * used.
 */

/** Argo ports of the shipped policy: IEEE 802, and the numbers that DHCP and RIP have over UDP. */
export const ETHERNET_PORT = 802;
export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;
export const ROUTE_PORT = 520;

/** An MTU of 9000 and its header: the broker's inspector accepts frames up to this size. */
export const MAX_FRAME_BYTES = 9_014;
/** A TCP segment of 64 KiB in one frame: the largest IP packet and its Ethernet header. The broker's inspector takes it too. */
export const MAX_SEGMENT_FRAME_BYTES = 65_549;
/** Packets that one wake-up of a TAP device reads, so that a busy device does not hold up what arrives for it. */
export const TAP_READS_PER_TURN = 32;
/** Frames that one long TCP segment may be cut into: 64 KiB in pieces of 256 bytes. Linux has pieces of 536 or more. */
export const MAX_NET_PIECES = 256;
/**
 * Ring for the frames of one peer, bytes: at most what 3.5 Gbit/s bring in 10 ms, and at least a quarter of it. The peers of a
 * link share the most, so that a link with many takes no more of its domain's quota than the least for each.
 */
export const MAX_ETHERNET_RING_BYTES = 4_194_304;
export const MIN_ETHERNET_RING_BYTES = 1_048_576;
/** Ring for DHCP and routes, bytes: some dozens of their largest messages. */
export const CONTROL_RING_BYTES = 65_536;
/**
 * Frames of one link to one peer whose outcome is not known yet, bytes; past it the link waits or drops. The peers of a link
 * share the most, half of what a session queues by default, as long as each has the least.
 */
export const MAX_LINK_WINDOW_BYTES = 4_194_304;
export const MIN_LINK_WINDOW_BYTES = 1_048_576;
/** How long a frame waits for room in its receiver's ring: longer than a scheduling hiccup, shorter than a TCP timeout. */
export const FRAME_DEADLINE_MS = 150;
/** Bytes that may wait in this process for the attachment to take them. */
export const ATTACHMENT_HIGH_WATER_BYTES = 1_048_576;
/** Ethernet addresses remembered per link. A peer has one, so this bounds the cost of a peer with many. */
export const MAX_LEARNED_ADDRESSES = 1_024;
/** Between attempts to connect to QEMU's socket while no QEMU listens there: a machine takes longer than that to boot. */
export const QEMU_RETRY_MS = 250;
/** How long the TAP helper may take to say that the device is there. */
export const TAP_READY_TIMEOUT_MS = 5_000;

/** An answer of the DHCP server is worth this much waiting; the client asks again anyway. */
export const DHCP_DEADLINE_MS = 2_000;
/** How long an address stays reserved after OFFER. RFC 2131 leaves it open; clients answer at once or not at all. */
export const OFFER_HOLD_SECONDS = 60;
/** How long an address that a client declined stays unused. */
export const DECLINE_HOLD_SECONDS = 3_600;
export const DEFAULT_LEASE_SECONDS = 3_600;
export const MIN_LEASE_SECONDS = 60;
export const MAX_LEASE_SECONDS = 30 * 86_400;
/** Addresses of a pool: enough for every domain of the largest inventory. */
export const MAX_POOL_ADDRESSES = 65_536;
/** What a client takes that does not say: 576 bytes (RFC 2131 §2), less the headers of IP and UDP. */
export const DEFAULT_DHCP_BYTES = 548;
/** The payload that fits an Ethernet frame. */
export const MAX_DHCP_BYTES = 1_472;

/** Marks our routes in the kernel's table, /etc/iproute2/rt_protos: a number that no daemon in Debian's list has. */
export const ROUTE_PROTOCOL = 177;
/** Routes in one message, and so in one set. */
export const MAX_ROUTES_PER_MESSAGE = 256;
/** The kernel reports a change in several lines; the table is read once they have stopped for this long. */
export const ROUTE_SETTLE_MS = 50;
/** The table is read at least this often, because the monitor may miss a change. */
export const ROUTE_POLL_MS = 10_000;
/** The monitor does not say when it has begun to listen: after its start the table is read once more at each of these. */
export const ROUTE_MONITOR_START_MS: readonly number[] = [100, 300, 1_000, 3_000];
/** Announcements are repeated this often, and count as lost after three times as long without one. */
export const ROUTE_REPEAT_MS = 10_000;
export const ROUTE_LOSS_MS = 3 * ROUTE_REPEAT_MS;
export const ROUTE_DEADLINE_MS = 2_000;
/** How long a router may take to announce again when it is asked: three times as long as one message waits for room. */
export const ROUTE_CONFIRM_MS = 3 * ROUTE_DEADLINE_MS;

/** Payload of one stream message: large enough that its cost vanishes, small enough that streams take turns. */
export const STREAM_PIECE_BYTES = 32_768;
/** What a stream's receiver lets its sender have under way, bytes; fairness comes from each stream having its own. */
export const STREAM_WINDOW_BYTES = 262_144;
/** Consumed bytes are returned once they are this share of the window. */
export const STREAM_CREDIT_SHARE = 4;
/**
 * Ring of a proxy, bytes. What arrives is taken at once, so it need not hold the windows; and a domain has 64 MiB for all of
 * its rings (the shipped quota), so that sixty entries of `listen` and `connect` fit.
 */
export const STREAM_RING_BYTES = 1_048_576;
/** Stream data of one proxy whose outcome is not known yet, bytes; streams take turns for it. */
export const STREAM_IN_FLIGHT_BYTES = 1_048_576;
/** The window of a stream while its proxy has more than so many: a slow program can leave 128 MiB with us, and not more. */
export const CROWDED_STREAMS = 256;
export const CROWDED_WINDOW_BYTES = 16_384;
/** Streams of one proxy. */
export const MAX_STREAMS = 4_096;
/** Streams that one domain may have at one listener, so that it cannot take all of them. More wait for one that ends. */
export const MAX_STREAMS_PER_DOMAIN = 1_000;
/** Streams of one domain that wait; more are refused. */
export const MAX_WAITING_STREAMS = 1_000;
/** Between two lines about streams: with a thousand of them every fault is one of many. */
export const STREAM_LINE_MS = 1_000;
/** From a connection to the other side's answer. libargo has 5 s as well, but hard-coded. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
export const MAX_CONNECT_TIMEOUT_MS = 300_000;
/** How long a stream message waits for room in the ring before its stream is given up. */
export const STREAM_DEADLINE_MS = 10_000;
/** A stream on which nothing was sent for this long is tried: whether the other proxy still knows it. */
export const STREAM_PROBE_MS = 30_000;
