/** Fresh keys inside a running session: the broker asks, the domain answers. See "Fresh keys" in docs/wire.md. */
import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { assert } from './identity.mjs';
import { RecordType } from './records.mjs';

const RekeyKind = { ask: 1, answer: 2, confirm: 3 };
const VALUE_BYTES = 32;

/**
 * Takes a record of the type rekey that has opened.
 *
 * @returns what must be written before anything else is sealed
 */
export function takeRekey({ sealer, opener }, plaintext) {
  assert(plaintext.length === 1 + VALUE_BYTES, 'not a message about fresh keys');
  const value = plaintext.subarray(1);
  if (plaintext[0] === RekeyKind.confirm) {
    opener.confirm(value);
    return Buffer.alloc(0);
  }
  assert(
    plaintext[0] === RekeyKind.ask && !opener.isAwaitingFresh,
    'a message about fresh keys that has no place here',
  );
  const ours = generateKeyPairSync('x25519');
  const publicKey = Buffer.from(ours.publicKey.export({ format: 'jwk' }).x, 'base64url');
  const x = value.toString('base64url');
  const theirs = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } });
  const shared = diffieHellman({ privateKey: ours.privateKey, publicKey: theirs }); // throws for a key of low order
  const answer = sealer.seal(RecordType.rekey, message(RekeyKind.answer, publicKey));
  const publicKeys = Buffer.concat([value, publicKey]);
  opener.expectFresh(shared, publicKeys);
  sealer.refresh(shared, publicKeys);
  return Buffer.concat([answer, sealer.seal(RecordType.rekey, message(RekeyKind.confirm, sealer.commitment))]);
}

function message(kind, value) {
  return Buffer.concat([Uint8Array.of(kind), value]);
}
