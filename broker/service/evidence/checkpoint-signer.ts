/** The broker's key as the signer of its audit log's checkpoints. */
import type { Identity } from '../../../keys/index.ts';
import { type CheckpointSigner, noteKeyOf } from '../../audit/index.ts';

export function checkpointSigner(identity: Identity): CheckpointSigner {
  const publicKey = Buffer.from(identity.publicJwk.x, 'base64url');
  return { key: noteKeyOf(identity.name, publicKey), sign: (text) => identity.signNote(text) };
}
