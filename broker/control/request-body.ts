/** The body of a control request: JSON, read within a limit. */
import { z } from 'zod';
import { reasonOf } from '../base/index.ts';
import { BrokerError } from '../process/index.ts';
import type { Detail } from '../record/index.ts';
import { digestOf } from './proof.ts';

export interface ControlAnswer {
  readonly code: number;
  readonly body: object;
  /** The request, the caller's claim and the reason, for the audit log. Absent: the body was not valid. */
  readonly asked?: Detail;
}

/** A request that passed the gate. */
export interface ControlRequest {
  readonly url?: string | undefined;
  readonly body: AsyncIterable<Buffer>;
  /** The digest of the only body that the holder of the key has signed; null: no key was presented. */
  readonly digest: string | null;
}

/** Null for an empty body. */
export async function readJson(request: ControlRequest, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BrokerError('ERR_BROKER_CONTROL', `the body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (request.digest !== null && digestOf(body) !== request.digest)
    throw new BrokerError('ERR_BROKER_CONTROL', 'the body is not the one that the key has signed');
  return bytes === 0 ? null : JSON.parse(body.toString('utf8'));
}

/** The answer to a body that is not valid. */
export function badBody(error: unknown): ControlAnswer {
  const message = error instanceof z.ZodError ? z.prettifyError(error) : reasonOf(error);
  return { code: 400, body: { ok: false, code: 'ERR_CONTROL_BODY', message } };
}
