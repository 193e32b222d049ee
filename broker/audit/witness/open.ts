/**
 * A witness in a directory of its own: what it has cosigned, and its key where the caller brings none. One process at a
 * time.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { AuditError } from '../errors.ts';
import {
  type CheckpointSigner,
  formatVerifierKey,
  SIGNATURE_COSIGNATURE,
  type VerifierKey,
  verifierKey,
} from '../evidence/index.ts';
import type { AuditFiles } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { Witness, type WitnessStore } from './witness.ts';

/** Private, mode 0600. */
const KEY_FILE = 'witness.key';
export const WITNESS_KEY_FILE = 'witness.vkey';
/** The newest cosigned checkpoint of each log. */
export const WITNESSED_FILE = 'witnessed';

export interface OpenWitness {
  readonly witness: Witness;
  /** For the brokers and for `verify --witness-key`. */
  readonly vkey: string;
  /** The witness goes on with another key: what it remembers is cosigned again first. */
  takeOver(signer: CheckpointSigner): Promise<void>;
  close(): Promise<void>;
}

export interface OpenWitnessOptions {
  /** The key of a credential, or a key of the directory's own. */
  readonly signer: CheckpointSigner | OwnKey;
  readonly logs: readonly VerifierKey[];
  readonly now: () => number;
}

/** A key of the directory's own. This folder knows no passphrases, so the caller seals and opens what lies on the disk. */
export interface OwnKey {
  readonly name: string;
  /** For a key that is made now. */
  seal(text: string): Promise<string>;
  open(text: string): Promise<string>;
}

/** Throws AuditError (ERR_AUDIT_LOCKED, _MODE, _DIRECTORY, _WITNESS) or the host's error. */
export async function openWitness(
  directory: string,
  { signer: given, logs, now }: OpenWitnessOptions,
): Promise<OpenWitness> {
  const files = nodeFiles(directory);
  await files.prepare();
  const unlock = await files.lock();
  try {
    const signer = 'open' in given ? await ownSigner(files, given) : given;
    const publish = ({ key }: CheckpointSigner): Promise<void> =>
      files.replaceBeside(WITNESS_KEY_FILE, `${formatVerifierKey(key)}\n`);
    await publish(signer);
    const witness = await Witness.open({ logs: () => logs, signer, store: storeIn(files), now });
    const takeOver = async (next: CheckpointSigner): Promise<void> => {
      await witness.takeOver(next);
      await publish(next);
    };
    // A key that was replaced while the witness did not run.
    if (witness.notes !== '' && !witness.isCosignedBy(signer.key)) await witness.takeOver(signer);
    return { witness, vkey: formatVerifierKey(signer.key), takeOver, close: unlock };
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

async function ownSigner(files: AuditFiles, own: OwnKey): Promise<CheckpointSigner> {
  const { name } = own;
  const privateKey = await ownKey(files, own);
  const publicKey = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url');
  const key = verifierKey(name, SIGNATURE_COSIGNATURE, publicKey);
  return { key, sign: async (text) => sign(null, Buffer.from(text), privateKey) };
}

async function ownKey(files: AuditFiles, { seal, open }: OwnKey): Promise<KeyObject> {
  const stored = await files.readBeside(KEY_FILE);
  if (stored === null) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await files.replaceBeside(KEY_FILE, await seal(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()));
    return privateKey;
  }
  const pem = await open(stored);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Not a key: the error below says so.
  }
  throw new AuditError('ERR_AUDIT_WITNESS', `"${KEY_FILE}" is not a private Ed25519 key`);
}
