/** A change of credential inside a session: it counts for this session and this holder, and only with the key. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signCredentialChange, verifyCredentialChange } from '../../broker/channel/credential-change.ts';
import type { HandshakeContext, HandshakeResult } from '../../broker/channel/handshake.ts';
import type { Credential, Identity } from '../../keys/index.ts';
import { BROKER, CONTEXT, DOMAIN, foreignIdentityOf, identityOf, shake } from './pair.ts';

const change = suite('change of credential');
const TYP = 'argus-credential-change+jws';
const { atDomain, atBroker } = await shake();
const other = await shake();

async function verdict(statement: string, context: HandshakeContext = CONTEXT): Promise<string> {
  const result: HandshakeResult<Credential> = await verifyCredentialChange(
    statement,
    atBroker,
    BROKER.authority,
    context,
  );
  return result.ok ? `${result.value.name} ${result.value.thumbprint}` : result.fault;
}

const claimsOf = (identity: Identity, changes: object = {}): object => ({
  session: atDomain.transcript,
  credential: identity.credentialJwt,
  ...changes,
});

change('a renewed credential and a new key are taken over', async () => {
  assert.is(atDomain.transcript, atBroker.transcript);
  assert.is(await verdict(await signCredentialChange(DOMAIN, atDomain)), `a ${DOMAIN.thumbprint}`);
  const rotated = await identityOf('a');
  assert.is.not(rotated.thumbprint, DOMAIN.thumbprint);
  assert.is(await verdict(await signCredentialChange(rotated, atDomain)), `a ${rotated.thumbprint}`);
});

for (const [label, fault, make] of [
  ['of another session', 'WRONG_SESSION', async () => signCredentialChange(DOMAIN, other.atDomain)],
  ['for another holder', 'WRONG_PEER', async () => signCredentialChange(await identityOf('b'), atDomain)],
  ['of a broker', 'WRONG_ROLE', async () => signCredentialChange(await identityOf('a', 'broker'), atDomain)],
  [
    'of another authority',
    'FOREIGN_AUTHORITY',
    async () => signCredentialChange(await foreignIdentityOf('a', 'domain'), atDomain),
  ],
  [
    'with a credential of which the signer has not the key',
    'BAD_SIGNATURE',
    async () => (await identityOf('b')).signStatement(TYP, claimsOf(DOMAIN)),
  ],
  ['that is a hello', 'BAD_SIGNATURE', async () => DOMAIN.signStatement('argus-hello+jws', claimsOf(DOMAIN))],
  ['with a surplus claim', 'MALFORMED_STATEMENT', async () => DOMAIN.signStatement(TYP, claimsOf(DOMAIN, { more: 1 }))],
  ['that is no statement', 'MALFORMED_STATEMENT', async () => 'x.y.z'],
  ['that is empty', 'MALFORMED_STATEMENT', async () => ''],
] as const)
  change(`a statement ${label} is ${fault}`, async () => {
    assert.is(await verdict(await make()), fault);
  });

change('a revoked key and an expired credential are refused', async () => {
  const statement = await signCredentialChange(DOMAIN, atDomain);
  assert.is(await verdict(statement, { ...CONTEXT, isRevoked: () => true }), 'REVOKED');
  const later = Date.now() + 2 * 3_600_000;
  assert.is(await verdict(statement, { ...CONTEXT, wallClock: () => later }), 'EXPIRED');
});

change.run();
