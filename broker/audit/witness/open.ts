/** A witness in a directory of its own: its key, and what it has cosigned. One process at a time. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { formatVerifierKey, SIGNATURE_COSIGNATURE, type VerifierKey, verifierKey } from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { Witness, type WitnessStore } from './witness.ts';

/** Private, mode 0600. */
const KEY_FILE = 'witness.key';
const VKEY_FILE = 'witness.vkey';
/** The newest cosigned checkpoint of each log. */
export const WITNESSED_FILE = 'witnessed';

export interface OpenWitness {
  readonly witness: Witness;
  /** For the brokers and for `verify --witness-key`. */
  readonly vkey: string;
  close(): Promise<void>;
}

/** Throws AuditError (ERR_AUDIT_LOCKED, _MODE, _DIRECTORY, _WITNESS) or the host's error. */
export async function openWitness(
  directory: string,
  options: { readonly name: string; readonly logs: readonly VerifierKey[]; readonly now: () => number },
): Promise<OpenWitness> {
  const files = nodeFiles(directory);
  await files.prepare();
  const unlock = await files.lock();
  try {
    const privateKey = await ownKey(files);
    const publicKey = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url');
    const key = verifierKey(options.name, SIGNATURE_COSIGNATURE, publicKey);
    const vkey = formatVerifierKey(key);
    await files.replaceBeside(VKEY_FILE, `${vkey}\n`);
    const signer = { key, sign: async (text: string) => sign(null, Buffer.from(text), privateKey) };
    const { logs, now } = options;
    const witness = await Witness.open({ logs: () => logs, signer, store: storeIn(files), now });
    return { witness, vkey, close: unlock };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** What a witness knows, as a file of this directory. */
export function storeIn(files: Pick<AuditFiles, 'readBeside' | 'replaceBeside'>): WitnessStore {
  return {
    read: () => files.readBeside(WITNESSED_FILE),
    replace: (text) => files.replaceBeside(WITNESSED_FILE, text),
  };
}

async function ownKey(files: AuditFiles): Promise<KeyObject> {
  const pem = await files.readBeside(KEY_FILE);
  if (pem === null) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await files.replaceBeside(KEY_FILE, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    return privateKey;
  }
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Not a key: the error below says so.
  }
  throw new AuditError('ERR_AUDIT_WITNESS', `"${KEY_FILE}" is not a private Ed25519 key`);
}
