/** The body of a control request: JSON, read within a limit. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { reasonOf } from '../base/index.ts';
import { BrokerError } from '../process/index.ts';
import type { Detail } from '../record/index.ts';

export interface ControlAnswer {
  readonly code: number;
  readonly body: object;
  /** The request, the caller's claim and the reason, for the audit log. Absent: the body was not valid. */
  readonly asked?: Detail;
}

/** Null for an empty body. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BrokerError('ERR_BROKER_CONTROL', `the body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return null;
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** The answer to a body that is not valid. */
export function badBody(error: unknown): ControlAnswer {
  const message = error instanceof z.ZodError ? z.prettifyError(error) : reasonOf(error);
  return { code: 400, body: { ok: false, code: 'ERR_CONTROL_BODY', message } };
}
