/** Numbers that we chose for the vsock device, with unit and reason. */

/** Argo port of the vsock port 0. Decimal, so that a person can read the vsock port in policy: 2000000022 is port 22. */
export const VSOCK_PORT_BASE = 2_000_000_000;
/** Largest vsock port of a service. Clients may use any port of their own. */
export const MAX_SERVICE_PORT = 99_999_999;
/** Largest payload of one vsock packet: Linux sends up to this size (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE). */
export const MAX_VSOCK_PAYLOAD_BYTES = 65_536;
/** Credit of one connection, bytes: the default of Linux. A guest that offers more is announced with this. */
export const MAX_VSOCK_CREDIT_BYTES = 262_144;
/** Connections of one device; with their credit at most 64 MiB wait for a guest that does not read. */
export const MAX_VSOCK_CONNECTIONS = 256;
/** Connections that one peer may have at one device, so that it cannot take all of them. */
export const MAX_VSOCK_CONNECTIONS_PER_PEER = 64;
/** Packets without credit (SEQPACKET allows empty messages) that may wait for a guest on one connection. */
export const MAX_VSOCK_WAITING_PACKETS = 1_024;
/** Answers to a guest that does not take them: past this many the device stops reading the packets of that guest. */
export const MAX_VSOCK_WAITING_RESETS = 256;
/** Service ports that a guest may be connected to at the same time: each needs a ring. */
export const MAX_VSOCK_CLIENT_RINGS = 32;
/** Ring of a service port, bytes: four windows of credit. The domain's rings together may have 64 MiB. */
export const VSOCK_RING_BYTES = 1_048_576;
/** Bytes of one guest that the broker has not answered yet; past it the device stops reading the packets of that guest. */
export const VSOCK_IN_FLIGHT_BYTES = 1_048_576;
/** How long a packet waits for room in the receiver's ring before its connection is reset. */
export const VSOCK_DEADLINE_MS = 10_000;
/** A refused connection is answered this long after its request, so that the delay does not tell why it was refused. */
export const VSOCK_REFUSAL_MS = 25;
/** How long an accepted request may wait for the guest's answer. Linux gives up after 2 seconds. */
export const VSOCK_CONNECT_TIMEOUT_MS = 10_000;
/** A connection whose peer was silent for this long is probed. */
export const VSOCK_PROBE_MS = 30_000;
/** A probe that is not answered for this long ends its connection. */
export const VSOCK_PROBE_TIMEOUT_MS = 10_000;
