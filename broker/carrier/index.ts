/** Edges: the byte pipes between domains and the broker. */
export type { Carrier, CarrierHandlers } from './carrier.ts';
export { type Listener, listenTcp, listenUnix } from './listen.ts';
export type { Release } from './places.ts';
