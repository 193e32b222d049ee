/** The files of one end of a NATS carrier, in addition to its identity: its nkey seed and the CA of the server. */
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../../files/index.ts';
import { NatsCarrierError } from '../errors.ts';
import { MAX_FILE_BYTES } from '../limits.ts';

const PRIVATE_FILE_MODE = 0o600;
const PUBLIC_FILE_MODE = 0o644;
const PRIVATE_DIRECTORY_MODE = 0o700;
const GROUP_AND_OTHERS = 0o077;

/** In the directory of an identity. */
export function natsFiles(identityDirectory: string): { readonly seed: string; readonly ca: string } {
  return { seed: join(identityDirectory, 'nats.seed'), ca: join(identityDirectory, 'nats-ca.pem') };
}

/** @throws NatsCarrierError ERR_NATS_FILE */
export async function readPrivate(path: string, hint: string): Promise<string> {
  const { mode } = await statOf(path, hint);
  if ((mode & GROUP_AND_OTHERS) !== 0)
    throw new NatsCarrierError('ERR_NATS_FILE', `"${path}" can be read by others; run: chmod 600 "${path}"`);
  return readPublic(path, hint);
}

/** @throws NatsCarrierError ERR_NATS_FILE */
export async function readPublic(path: string, hint: string): Promise<string> {
  const { size } = await statOf(path, hint);
  if (size > MAX_FILE_BYTES)
    throw new NatsCarrierError('ERR_NATS_FILE', `"${path}" has ${size} bytes, expected at most ${MAX_FILE_BYTES}`);
  return readFile(path, 'utf8');
}

async function statOf(path: string, hint: string): Promise<{ readonly mode: number; readonly size: number }> {
  try {
    return await stat(path);
  } catch (cause) {
    throw new NatsCarrierError('ERR_NATS_FILE', `cannot read "${path}"; ${hint}`, { cause });
  }
}

/** Writes the file completely or not at all, because nats-server may read it at any moment. */
export function writeWhole(path: string, text: string, mode: 'private' | 'public'): Promise<void> {
  return replaceFile(path, text, mode === 'private' ? PRIVATE_FILE_MODE : PUBLIC_FILE_MODE);
}

export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
  await chmod(path, PRIVATE_DIRECTORY_MODE);
}

/** Null for text that is not JSON. The caller's schema refuses null, and says where. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
