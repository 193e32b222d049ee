/**
 * The NATS carrier: pipes over a server that can neither read nor change them, and the configuration of that server.
 */
export { parseNatsAddress } from './address.ts';
export { type NatsMember, NatsServerDirectory, type NatsSetup, type Written } from './admin/server-directory.ts';
export { type Bucket, type BucketHandlers, openBucket } from './bucket/bucket.ts';
export { HEAD_KEY, pieceKey, STATUS_PREFIX, statusKey } from './bucket/subjects.ts';
export { dialNats } from './dial.ts';
export { loadNatsEnd } from './end.ts';
export { NATS_ERROR_CODES, NatsCarrierError } from './errors.ts';
export { SERVER_ENVIRONMENT } from './limits.ts';
export { type LineHost, NODE_LINE_HOST } from './line/line-host.ts';
export type { LinePace } from './line/line-reader.ts';
export { makeNkey } from './line/nkey.ts';
export { type NatsEnd, NatsListener } from './listen.ts';
export { NATS_CARRIER, NatsListeners } from './listeners.ts';
export { PIPE_ID_BYTES } from './pipe/message.ts';
export { brokerSubjects, domainSubjects } from './subjects.ts';
