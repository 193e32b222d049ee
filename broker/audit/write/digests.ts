/**
 * Digests of payloads, for classes of which services.yaml says `digest`. The payload itself is never recorded.
 *
 * A digest is HMAC-SHA-256 with a key that no record has, over the run, the number of the digest in it, and the payload.
 * So a reader of records cannot guess a short payload by trying, and cannot see that two payloads are the same. The holder
 * of the key and the payload can show that the payload is the one that was recorded (`argus audit verify-payload`); another
 * payload or another key that gives the same digest cannot be found.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Detail } from '../../record/index.ts';
import type { ParsedLine } from '../chain.ts';
import { AuditError } from '../errors.ts';
import type { AuditFiles, AuditReader } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { member } from '../verify/milestones.ts';

/** In the directory of the log, for its owner alone. A copy of the log for others is complete without it. */
const DIGEST_KEY_FILE = 'digest.key';
const KEY_BYTES = 32;

/** Tells a reader that the record was on disk before the message was delivered. */
const STRICT: Detail = Object.freeze({ strict: true });

export class Digests {
  readonly #boot: string;
  readonly #key: Uint8Array;
  #count = 0;

  constructor(boot: string, key: Uint8Array) {
    this.#boot = boot;
    this.#key = key;
  }

  /** The detail of a strict message's record. @param payload absent: without a digest */
  detail(payload: Uint8Array | undefined): Detail {
    if (payload === undefined) return STRICT;
    this.#count += 1;
    return {
      strict: true,
      digest: payloadDigest(this.#key, this.#boot, this.#count, payload),
      digestNumber: this.#count,
    };
  }
}

/** Lower-case hexadecimal. To change it makes earlier digests impossible to check. */
function payloadDigest(key: Uint8Array, boot: string, count: number, payload: Uint8Array): string {
  return createHmac('sha256', key).update(`${boot} ${count}\n`).update(payload).digest('hex');
}

/** The key of a log, made when its first run begins. Throws ERR_AUDIT_CORRUPT if the file is not a key. */
export async function digestKey(files: AuditFiles): Promise<Uint8Array> {
  const key = await readDigestKey(files);
  if (key !== null) return key;
  const made = randomBytes(KEY_BYTES);
  await files.replaceBeside(DIGEST_KEY_FILE, `${made.toString('hex')}\n`);
  return made;
}

/**
 * Is this the payload whose digest a record has? It says nothing about the record: `verify` does.
 *
 * Throws ERR_AUDIT_UNPROVEN: the record has no digest, or the key is not in the directory.
 */
export async function isPayloadOf(
  directory: string,
  { seq, fields }: ParsedLine,
  payload: Uint8Array,
  reader: AuditReader = nodeFiles(directory),
): Promise<boolean> {
  const [digest, count] = [member(fields.detail, 'digest'), member(fields.detail, 'digestNumber')];
  const { boot } = fields;
  if (typeof digest !== 'string' || typeof count !== 'number' || typeof boot !== 'string')
    throw new AuditError('ERR_AUDIT_UNPROVEN', `record ${seq} has no digest`);
  const key = await readDigestKey(reader);
  if (key === null) throw new AuditError('ERR_AUDIT_UNPROVEN', `"${directory}" has no "${DIGEST_KEY_FILE}"`);
  return payloadDigest(key, boot, count, payload) === digest;
}

/** Null: there is none. Throws as `digestKey`. */
async function readDigestKey(reader: AuditReader): Promise<Uint8Array | null> {
  const text = await reader.readBeside(DIGEST_KEY_FILE);
  if (text === null) return null;
  if (/^[0-9a-f]{64}\n$/.test(text)) return Buffer.from(text.trimEnd(), 'hex');
  throw new AuditError('ERR_AUDIT_CORRUPT', `"${DIGEST_KEY_FILE}" in the audit directory is not a key; move it aside`);
}
