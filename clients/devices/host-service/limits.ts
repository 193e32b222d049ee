/** Numbers that we chose for services of the host, with unit and reason. */

/** Connections of one process to its services, and of one domain among them: as many as a vsock device has. */
export const MAX_HOST_STREAMS = 256;
export const MAX_HOST_STREAMS_PER_PEER = 64;
/** Credit of one connection, bytes: what a guest may send before the service has read it. */
export const HOST_STREAM_WINDOW_BYTES = 262_144;
/** Consumed bytes of which the guest hears at once; the rest goes with the next message. */
export const HOST_STREAM_CREDIT_BYTES = 65_536;
/** Bytes that the broker has not answered yet; past it the services are not read. */
export const HOST_IN_FLIGHT_BYTES = 1_048_576;
