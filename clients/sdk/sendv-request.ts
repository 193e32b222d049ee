/** The argument of `sendv`, and all checks of it that need no broker. */
import { MAX_IOV, MAX_IOV_BYTES, MAX_MESSAGE_BYTES, MAX_NAME_BYTES } from '../../broker/wire/index.ts';
import type { DomainRef } from './domain-ref.ts';
import { type ArgusError, wordError } from './errors.ts';
import { MAX_DEADLINE_MS } from './limits.ts';

export interface SendvRequest {
  readonly to: { readonly domain: DomainRef; readonly port: number };
  /** Port of one of the sender's rings, for replies; 0 (default) = none. */
  readonly from?: number;
  /** Message type, u32; the application chooses its meaning (default 0). */
  readonly type?: number;
  /** The payload: one array, or at most 8 arrays that are joined. It is copied before the call returns. */
  readonly iov: Uint8Array | readonly Uint8Array[];
  /**
   * Milliseconds for the whole call: to wait for a session, for room in a full ring and for the broker's answer. Absent =
   * EAGAIN at once where there is no room, and no limit for the answer.
   */
  readonly deadline?: number;
  /** Cancels a waiting send (ECANCELED). A send that was written cannot be canceled. */
  readonly signal?: AbortSignal;
}

export const NOT_SENT = Object.freeze({ outcome: 'not-sent' as const });
const MAX_U16 = 0xffff;

/** Bytes of all parts; -1 when it is not an iov, -2 for too many parts, -3 for a part beyond Argo's limit. */
export function joinedLength(iov: readonly Uint8Array[]): number {
  if (!Array.isArray(iov)) return -1;
  if (iov.length > MAX_IOV) return -2;
  let sum = 0;
  for (const part of iov) {
    if (!(part instanceof Uint8Array)) return -1;
    if (part.length > MAX_IOV_BYTES) return -3;
    sum += part.length;
  }
  return sum;
}

/** Why the request cannot be sent at all; null when it can. `bytes` comes from `joinedLength`. */
export function requestFault(request: SendvRequest, bytes: number): ArgusError | null {
  const { to, from = 0, type = 0, deadline } = request;
  const { domain, port } = to;
  if (port >>> 0 !== port) return invalid(`port ${port}: expected 0 … 2^32-1`);
  if (from >>> 0 !== from) return invalid(`from ${from}: expected the port of one of your rings, or 0`);
  if (type >>> 0 !== type) return invalid(`type ${type}: expected 0 … 2^32-1`);
  if (bytes === -2) return invalid(`iov: expected at most ${MAX_IOV} parts`);
  if (bytes === -3) return invalid(`iov: a part has more than ${MAX_IOV_BYTES} bytes`);
  if (bytes < 0) return invalid('iov: expected a Uint8Array or a list of them');
  if (bytes > MAX_MESSAGE_BYTES)
    return wordError('EMSGSIZE', describe(to), `${bytes} bytes are more than any ring takes`, {
      ...NOT_SENT,
      maxMessageSize: MAX_MESSAGE_BYTES,
    });
  if (typeof domain === 'string') {
    // A character has at least one byte, so most names need no counting.
    if (domain === '' || domain.length > MAX_NAME_BYTES || Buffer.byteLength(domain) > MAX_NAME_BYTES)
      return invalid(`domain "${domain}": expected a name of 1 … ${MAX_NAME_BYTES} bytes`);
  } else if (domain >>> 0 !== domain || domain > MAX_U16)
    return invalid(`domain ${domain}: expected a name, or a domid of 0 … ${MAX_U16}`);
  if (deadline !== undefined && !(typeof deadline === 'number' && deadline >= 0 && deadline <= MAX_DEADLINE_MS))
    return invalid(`deadline ${deadline}: expected 0 … ${MAX_DEADLINE_MS} ms`);
  return null;
}

export function describe(to: SendvRequest['to']): string {
  return `sendv to ${typeof to.domain === 'string' ? `"${to.domain}"` : to.domain} port ${to.port}`;
}

function invalid(reason: string): ArgusError {
  return wordError('EINVAL', 'sendv', reason, NOT_SENT);
}

export function noSession(what: string): ArgusError {
  return wordError('ECONNRESET', what, 'there is no session with the broker now; not sent', NOT_SENT);
}
