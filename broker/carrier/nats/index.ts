/** The NATS carrier: pipes over a server that may see and change nothing of them, and the server's own configuration. */
export { type NatsAddress, parseNatsAddress } from './address.ts';
export { type DialHandlers, type DialledPipe, dialNats } from './dial.ts';
export { loadNatsEnd } from './end.ts';
export { NATS_ERROR_CODES, NatsCarrierError, type NatsErrorCode } from './errors.ts';
export { NATS_CARRIER, NatsListeners } from './listeners.ts';
export { PIPE_ID_BYTES } from './message.ts';
export { makeNkey } from './nkey.ts';
export { type NatsMembers, NatsServerDirectory, type Written } from './server-directory.ts';
