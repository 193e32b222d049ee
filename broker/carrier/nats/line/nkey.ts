/**
 * The key that identifies an end to a NATS server: an Ed25519 pair of its own, made on the machine that uses it.
 *
 * It is not the identity's key. The server chooses the nonce that a client must sign. If clients signed with the
 * identity's key, a server could send a forged hello as the nonce, and get it signed.
 */
import { existsSync } from 'node:fs';
import { openedSecret, type Sealing, storedForm } from '../../../../keys/index.ts';
import { natsFiles, readPrivate, writeWhole } from '../admin/files.ts';
import { NatsCarrierError } from '../errors.ts';

const USER_NKEY = /^U[A-Z2-7]{55}$/;

/**
 * Makes the pair for the identity in `directory`, or keeps an existing one. Returns the public half.
 *
 * @throws KeyError ERR_KEY_PASSPHRASE
 */
export async function makeNkey(
  directory: string,
  sealing: Sealing,
): Promise<{ readonly publicKey: string; readonly created: boolean }> {
  const { seed } = natsFiles(directory);
  const created = !existsSync(seed);
  const { nkeys } = await import('nats');
  if (created) {
    const text = `${Buffer.from(nkeys.createUser().getSeed()).toString('latin1')}\n`;
    await writeWhole(seed, await storedForm(text, sealing), 'private');
  }
  return { publicKey: await publicHalf(await readSeed(seed), seed), created };
}

/** @throws NatsCarrierError ERR_NATS_FILE; KeyError ERR_KEY_SEALED, ERR_KEY_UNSEAL when it is sealed */
export async function readSeed(path: string): Promise<Uint8Array> {
  const text = await openedSecret(path, await readPrivate(path, 'make the key there: argus nats key DIR'));
  const seed = Buffer.from(text.trim(), 'latin1');
  await publicHalf(seed, path);
  return seed;
}

/** True for the public key of a user, checksum included. */
export async function isUserNkey(text: string): Promise<boolean> {
  if (!USER_NKEY.test(text)) return false;
  const { nkeys } = await import('nats');
  try {
    nkeys.fromPublic(text);
    return true;
  } catch {
    return false; // the operator typed it, so a wrong checksum is possible
  }
}

async function publicHalf(seed: Uint8Array, path: string): Promise<string> {
  const { nkeys } = await import('nats');
  try {
    const publicKey = nkeys.fromSeed(seed).getPublicKey();
    if (USER_NKEY.test(publicKey)) return publicKey;
  } catch {
    // reported below, without the content of the file
  }
  throw new NatsCarrierError('ERR_NATS_FILE', `"${path}" holds no seed of a user nkey; make one: argus nats key DIR`);
}
