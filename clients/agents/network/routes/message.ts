/** Route messages; their form is described where the broker reads it, in broker/core/inspectors/route.ts. */
import { MAX_ROUTES_PER_MESSAGE } from '../limits.ts';
import type { Prefix } from './prefix.ts';

const VERSION = 1;
const HEADER_BYTES = 32;
const ENTRY_BYTES = 24;

/** Position + 1 is the number on the wire. */
export const ROUTE_OPERATIONS = ['announce', 'announce-default', 'withdraw', 'request'] as const;
export type RouteOperation = (typeof ROUTE_OPERATIONS)[number];

export interface AnnouncedRoute {
  readonly prefix: Prefix;
  /** Smaller is preferred. */
  readonly metric: number;
}

export interface RouteMessage {
  readonly operation: RouteOperation;
  /** Grows with each set that a router announces, u32. */
  readonly generation: number;
  /** The sender's own addresses, 4 and 16 bytes; null = it has none in that family. */
  readonly gateway4: Uint8Array | null;
  readonly gateway6: Uint8Array | null;
  readonly routes: readonly AnnouncedRoute[];
}

export function encodeRoutes(message: RouteMessage): Uint8Array {
  const { operation, generation, gateway4, gateway6 } = message;
  const routes = message.routes.slice(0, MAX_ROUTES_PER_MESSAGE);
  const bytes = new Uint8Array(HEADER_BYTES + routes.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, ROUTE_OPERATIONS.indexOf(operation) + 1);
  view.setUint16(2, routes.length, true);
  view.setUint32(4, generation, true);
  if (gateway4 !== null) bytes.set(gateway4.subarray(0, 4), 8);
  if (gateway6 !== null) bytes.set(gateway6.subarray(0, 16), 16);
  for (const [index, { prefix, metric }] of routes.entries()) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    view.setUint8(at, prefix.family);
    view.setUint8(at + 1, prefix.length);
    view.setUint32(at + 4, metric, true);
    bytes.set(prefix.base.subarray(0, 16), at + 8);
  }
  return bytes;
}

/** Null for a malformed message. The broker has already checked which prefixes the sender is allowed to announce. */
export function decodeRoutes(bytes: Uint8Array): RouteMessage | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const operation = ROUTE_OPERATIONS[view.getUint8(1) - 1];
  const count = view.getUint16(2, true);
  if (view.getUint8(0) !== VERSION || operation === undefined || count > MAX_ROUTES_PER_MESSAGE) return null;
  if (bytes.length !== HEADER_BYTES + count * ENTRY_BYTES || view.getUint32(12) !== 0) return null;
  const routes: AnnouncedRoute[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const family = view.getUint8(at);
    const length = view.getUint8(at + 1);
    if ((family !== 4 && family !== 6) || length > (family === 4 ? 32 : 128) || view.getUint16(at + 2) !== 0)
      return null;
    const base = bytes.slice(at + 8, at + ENTRY_BYTES);
    if (hasBitsFrom(base, length)) return null;
    routes.push({ prefix: { family, base, length }, metric: view.getUint32(at + 4, true) });
  }
  const gateway4 = bytes.slice(8, 12);
  const gateway6 = bytes.slice(16, 32);
  return {
    operation,
    generation: view.getUint32(4, true),
    gateway4: gateway4.some((byte) => byte !== 0) ? gateway4 : null,
    gateway6: gateway6.some((byte) => byte !== 0) ? gateway6 : null,
    routes,
  };
}

function hasBitsFrom(base: Uint8Array, length: number): boolean {
  for (let bit = length; bit < 128; bit++) if ((((base[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) !== 0) return true;
  return false;
}
