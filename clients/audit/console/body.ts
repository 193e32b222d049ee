/** The body of a request to change something: JSON of a bounded size. An edge. */
import type { IncomingMessage } from 'node:http';

/** A case of 10 000 records with some hundreds of remarks. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Undefined: it is too long, or not JSON. No more than the bound is ever kept. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return undefined;
  }
}
