/**
 * Packets of AF_VSOCK between guests (clients/devices/vsock): the permission is `connect` for a request, `listen` for
 * its acceptance, `send` for everything else. The service port of a connection is part of the Argo port, so a class can
 * cover some ports only. `connect` and `listen` show which side asks.
 *
 *   u8 version, 1 · u8 operation · u16 type · u32 source port · u32 destination port · u32 flags · u32 buf_alloc
 *   u32 fwd_cnt · payload, with operation `data` only
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const HEADER_BYTES = 24;
const MAX_PAYLOAD_BYTES = 65_536;
const VERSION = 1;
const STREAM = 1;
const SEQPACKET = 2;

const OPERATION = { request: 1, response: 2, reset: 3, shutdown: 4, data: 5, creditRequest: 7 } as const;
/** Largest valid `flags`: two bits, for the halves that are shut down, or the end of a SEQPACKET message and record. */
const MAX_FLAGS = 3;

const permissions = ['connect', 'listen', 'send'] as const;
const CONNECT = 0;
const LISTEN = 1;
const SEND = 2;

export const vsock: Inspector = {
  permissions,
  inspect: (bytes, start, end) => {
    const size = end - start;
    if (size < HEADER_BYTES || size > HEADER_BYTES + MAX_PAYLOAD_BYTES || bytes[start] !== VERSION) return MALFORMED;
    const operation = bytes[start + 1] ?? 0;
    const type = bytes[start + 2];
    if (operation < OPERATION.request || operation > OPERATION.creditRequest) return MALFORMED;
    if ((type !== STREAM && type !== SEQPACKET) || bytes[start + 3] !== 0) return MALFORMED;
    if (size > HEADER_BYTES && operation !== OPERATION.data) return MALFORMED;
    const mayHaveFlags = operation === OPERATION.shutdown || (operation === OPERATION.data && type === SEQPACKET);
    if ((bytes[start + 12] ?? 0) > (mayHaveFlags ? MAX_FLAGS : 0)) return MALFORMED;
    if (bytes[start + 13] !== 0 || bytes[start + 14] !== 0 || bytes[start + 15] !== 0) return MALFORMED;
    if (operation === OPERATION.request) return CONNECT;
    return operation === OPERATION.response ? LISTEN : SEND;
  },
};
