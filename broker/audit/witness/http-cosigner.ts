/** The way to a witness over HTTP (c2sp.org/tlog-witness). Both sides sign what they say, so the line needs no trust. */
import { AuditError } from '../errors.ts';
import type { VerifierKey } from '../evidence/index.ts';
import { MAX_WITNESS_ANSWER_BYTES, WITNESS_ANSWER_MS } from '../limits.ts';
import type { Cosigner } from './feed.ts';
import type { WitnessAnswer } from './request.ts';

const STATUSES: readonly number[] = [200, 400, 403, 404, 409, 422];

export function httpCosigner(url: string, key: VerifierKey): Cosigner {
  return { name: key.name, key, add: (request) => addCheckpoint(url, request) };
}

/** Shows a checkpoint to the witness at this address. Rejects when the witness cannot be reached. */
export async function addCheckpoint(url: string, request: string): Promise<WitnessAnswer> {
  const answer = await fetch(`${baseOf(url)}/add-checkpoint`, {
    method: 'POST',
    body: request,
    redirect: 'error',
    signal: AbortSignal.timeout(WITNESS_ANSWER_MS),
  });
  if (!STATUSES.includes(answer.status)) throw unreachable(url, `it answered ${answer.status}`);
  return { status: answer.status as WitnessAnswer['status'], body: await boundedText(url, answer) };
}

/** The notes that the witness at this address has cosigned. Throws ERR_AUDIT_WITNESS. */
export function fetchWitnessed(url: string): Promise<string> {
  return fetchText(url, '/witnessed');
}

/** The credential and the public key of the witness at this address. Throws ERR_AUDIT_WITNESS, also if it has none. */
export function fetchWitnessHolder(url: string): Promise<string> {
  return fetchText(url, '/credential');
}

function baseOf(url: string): string {
  return url.replace(/\/+$/, '');
}

async function fetchText(url: string, path: string): Promise<string> {
  const from = `${baseOf(url)}${path}`;
  try {
    const answer = await fetch(from, { redirect: 'error', signal: AbortSignal.timeout(WITNESS_ANSWER_MS) });
    if (answer.status !== 200) throw unreachable(url, `it answered ${answer.status}`);
    return await boundedText(url, answer);
  } catch (error) {
    if (error instanceof AuditError) throw error;
    throw unreachable(url, 'it does not answer', error);
  }
}

async function boundedText(url: string, answer: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of answer.body ?? []) {
    bytes += piece.length;
    if (bytes > MAX_WITNESS_ANSWER_BYTES) throw unreachable(url, 'its answer is too long');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function unreachable(url: string, why: string, cause?: unknown): AuditError {
  return new AuditError('ERR_AUDIT_WITNESS', `the witness at "${url}" cannot be asked: ${why}`, { cause });
}
