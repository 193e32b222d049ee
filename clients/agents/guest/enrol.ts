/**
 * First boot: a key made here becomes an identity, with a one-time token that the operator gave to this guest.
 *
 *   guest                                              host (`argus vm enrol`)
 *     | {name, publicJwk, proof = HMAC(token, "guest", name, key)}  |   the key is made here and never leaves
 *     |------------------------------------------------------------>|
 *     | {credential, authority, proof = HMAC(token, "host", …)}     |   signed for exactly that name and key
 *     |<------------------------------------------------------------|
 *
 * The token authenticates both ways: without it nobody gets a credential, and nobody can plant an authority of their own.
 * It is good for one enrolment, and `MAX_ENROL_ATTEMPTS` wrong proofs end it. The pipe need not be secret.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type Authority,
  createIdentityKey,
  installCredential,
  parsePublicJwk,
  type Sealing,
  thumbprintOf,
} from '../../../keys/index.ts';
import { AgentError } from './errors.ts';
import { TOKEN_BYTES } from './limits.ts';

const text = z.string().max(8192);
const requestSchema = z.strictObject({ v: z.literal(1), name: text, publicJwk: z.unknown(), proof: text });
const answerSchema = z.strictObject({ v: z.literal(1), credential: text, authority: z.unknown(), proof: text });

/** Made by the host, carried to the guest by its image, its configuration or by hand. */
export function parseToken(word: string): Uint8Array {
  const token = Buffer.from(word.trim(), 'base64url');
  if (token.length !== TOKEN_BYTES || token.toString('base64url') !== word.trim())
    throw new AgentError('ERR_AGENT_ENROL', 'the file does not hold a token; argus vm enrol prints one');
  return token;
}

/** The guest's line. Makes the key if the directory has none. @throws KeyError */
export async function enrolRequest(
  directory: string,
  name: string,
  token: Uint8Array,
  sealing: Sealing,
): Promise<string> {
  const { publicJwk, thumbprint } = await createIdentityKey(directory, name, sealing);
  return `${JSON.stringify({ v: 1, name, publicJwk, proof: proof(token, 'guest', name, thumbprint) })}\n`;
}

export interface EnrolAnswer {
  readonly name: string;
  readonly thumbprint: string;
  /** The line for the guest. */
  readonly line: string;
}

/** The host's answer to a guest's line, or null when the line does not prove the token for this name. */
export async function answerEnrolment(
  line: string,
  name: string,
  token: Uint8Array,
  authority: Authority,
  ttlSeconds: number,
): Promise<EnrolAnswer | null> {
  const request = requestSchema.safeParse(parseJson(line));
  if (!request.success || request.data.name !== name) return null;
  const publicJwk = parsePublicJwk(request.data.publicJwk);
  if (publicJwk === null) return null;
  const thumbprint = await thumbprintOf(publicJwk);
  if (!isEqual(request.data.proof, proof(token, 'guest', name, thumbprint))) return null;
  const { credentialJwt } = await authority.issue({ name, role: 'domain', ttlSeconds, publicJwk, cause: 'TOKEN' });
  const answer = {
    v: 1,
    credential: credentialJwt,
    authority: authority.public.publicJwk,
    proof: proof(token, 'host', credentialJwt, authority.thumbprint),
  };
  return { name, thumbprint, line: `${JSON.stringify(answer)}\n` };
}

/** Puts the received files in place. @throws AgentError ERR_AGENT_ENROL, KeyError */
export async function acceptEnrolment(directory: string, line: string, token: Uint8Array): Promise<void> {
  const answer = answerSchema.safeParse(parseJson(line));
  if (!answer.success) throw new AgentError('ERR_AGENT_ENROL', 'the host’s answer was not understood');
  const { credential, proof: given } = answer.data;
  const authority = parsePublicJwk(answer.data.authority);
  if (authority === null || !isEqual(given, proof(token, 'host', credential, await thumbprintOf(authority))))
    throw new AgentError('ERR_AGENT_ENROL', 'the answer does not prove the token: it did not come from the host');
  const work = await mkdtemp(join(tmpdir(), 'argus-enrol-'));
  try {
    const credentialFile = join(work, 'credential.jwt');
    const authorityFile = join(work, 'authority.pub.jwk');
    await writeFile(credentialFile, `${credential}\n`, { mode: 0o644 });
    await writeFile(authorityFile, JSON.stringify(authority), { mode: 0o644 });
    await installCredential(directory, { credentialFile, authorityFile });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function proof(token: Uint8Array, ...parts: readonly string[]): string {
  // A NUL occurs in none of the parts, so no two lists of parts give the same bytes.
  return createHmac('sha256', token)
    .update(['argus enrol v1', ...parts].join('\0'))
    .digest('base64url');
}

function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null; // the other end's bytes: not JSON is an answer, not an exception
  }
}
