/**
 * The way to a receiver of OpenTelemetry logs over HTTP (OTLP 1).
 *
 * Its answer says what it has taken. As the specification asks: 429, 502, 503 and 504 are tried again, after the time
 * that the receiver names; every other refusal would come again; records that it rejects alone are not sent again.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { escapeUnsafe } from '../../../broker/audit/index.ts';
import { StreamError, unreachable } from './errors.ts';
import { DELIVERY_MS, MAX_ANSWER_BYTES, MAX_SHOWN_TEXT } from './limits.ts';
import { otlpRequest, partialSuccess } from './otlp-body.ts';
import type { StreamTarget } from './stream.ts';
import type { TlsOptions } from './tls.ts';

const RETRYABLE: readonly number[] = [429, 502, 503, 504];
/** More headers than any receiver asks for. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([\x20-\x7e]*)$/;

export interface OtlpAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** `Name: value` lines of a file. Throws ERR_STREAM_FILE without showing a value. */
export function parseHeaders(text: string, file: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [, name, value] = HEADER.exec(line.trim()) ?? [];
    if (name === undefined || value === undefined)
      throw new StreamError('ERR_STREAM_FILE', `line ${index + 1} of "${file}" is not "Name: value"`);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

/** @param tls null: plain HTTP, which the caller has limited to this host */
export function otlpTarget(
  { name, host, port, path }: OtlpAddress,
  tls: TlsOptions | null,
  headers: Readonly<Record<string, string>>,
  now: () => number,
): StreamTarget {
  const agent = tls === null ? new PlainAgent({ keepAlive: true }) : new TlsAgent({ keepAlive: true });
  return {
    name,
    deliver: async (records, _, signal) => {
      const body = Buffer.from(JSON.stringify(otlpRequest(records, now())));
      const own = { ...headers, 'content-type': 'application/json', 'content-length': body.length };
      const options = { host, port, path, method: 'POST', headers: own, agent, signal, ...(tls ?? {}) };
      const { status, retryAfter, text } = await post(name, options, tls !== null, body);
      const told = `${name}: it answered ${status}${text === '' ? '' : ` (${shown(text)})`}`;
      if (RETRYABLE.includes(status))
        throw new StreamError('ERR_STREAM_UNREACHABLE', told, { retryAfterMs: wishOf(retryAfter, now()) });
      if (status < 200 || status > 299) throw new StreamError('ERR_STREAM_REFUSED', told);
      const partial = partialSuccess(text);
      const rejected = Math.min(partial?.rejected ?? 0, records.length);
      return { rejected, note: partial === null ? null : shown(partial.note), receiver: null };
    },
    close: async () => agent.destroy(),
  };
}

interface PostOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

function post(name: string, options: PostOptions, isSecure: boolean, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(cause instanceof StreamError ? cause : unreachable(name, cause));
    const request = (isSecure ? tlsRequest : plainRequest)(options, (response) => {
      const retryAfter = response.headers['retry-after'];
      bounded(response).then((text) => resolve({ status: response.statusCode ?? 0, retryAfter, text }), fail);
    });
    request.setTimeout(DELIVERY_MS, () =>
      request.destroy(new StreamError('ERR_STREAM_UNREACHABLE', `${name}: it does not answer`)),
    );
    request.once('error', fail);
    request.end(body);
  });
}

/** Of a longer answer the rest is dropped: nothing there would change what happens. */
async function bounded(response: IncomingMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    if (bytes < MAX_ANSWER_BYTES) pieces.push(piece);
    bytes += piece.length;
  }
  return Buffer.concat(pieces).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

/** `Retry-After` in seconds or as a date (RFC 9110). Null: there is none. */
function wishOf(retryAfter: string | undefined, now: number): number | null {
  if (retryAfter === undefined) return null;
  const wishMs = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now;
  return Number.isNaN(wishMs) ? null : Math.max(0, wishMs);
}

/** A receiver's own words: bounded, and harmless in a terminal. */
function shown(text: string): string {
  return escapeUnsafe(text.trim().slice(0, MAX_SHOWN_TEXT));
}
