/** The broker's own identity: a renewed one is taken over, and nothing else is. */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryAudit } from '../../broker/audit/index.ts';
import { IDENTITY_CHECK_MS } from '../../broker/process/limits.ts';
import { OwnIdentity } from '../../broker/service/own-identity.ts';
import { createAuthority, type Identity, issueIdentity, type Role } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/temp.ts';

const own = suite('own identity');
const directory = temporaryDirectory();
const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
const make = (dir: string, name = 'argus', role: Role = 'broker'): Promise<Identity> =>
  issueIdentity(authority, join(directory, dir), { name, role, ttlSeconds: 60 }, 'unsealed');
const [older, newer] = [await make('one'), await make('two')];
const [renamed, domain] = [await make('three', 'other'), await make('four', 'argus', 'domain')];

function start() {
  const clock = new FakeClock();
  const disk: { now: Identity | null } = { now: older };
  const errors: string[] = [];
  const log = { info: () => {}, error: (_: unknown, message: string) => void errors.push(message) };
  const source = {
    isReplaced: async (known: string) => disk.now?.credentialJwt !== known,
    load: async () => {
      if (disk.now === null) throw new Error('half written');
      return disk.now;
    },
  };
  const audit = memoryAudit();
  return { clock, disk, errors, audit, identity: new OwnIdentity(older, source, audit, log as never, clock) };
}

own('a new credential is noticed in time and used from then on', async () => {
  const { clock, disk, identity, errors } = start();
  disk.now = newer;
  clock.advance(IDENTITY_CHECK_MS - 1);
  assert.is(identity.credentialJwt, older.credentialJwt);
  clock.advance(1);
  while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    [identity.thumbprint, identity.credential.generation, identity.name, identity.role],
    [newer.thumbprint, 2, 'argus', 'broker'],
  );
  assert.equal(identity.publicJwk, newer.publicJwk);
  assert.is(identity.authority.thumbprint, authority.thumbprint);
  assert.is(await identity.signStatement('t', { a: 1 }), await newer.signStatement('t', { a: 1 }));
  assert.equal(await identity.signNote('x\n'), await newer.signNote('x\n'));
  assert.equal(errors, []);
  identity.close();
  assert.is(clock.pendingTimers, 0);
});

own('another name, another role and a broken directory are not taken over', async () => {
  const { disk, identity, errors } = start();
  for (const wrong of [renamed, domain, null]) {
    disk.now = wrong;
    await identity.refresh();
    assert.is(identity.credentialJwt, older.credentialJwt);
  }
  assert.is(errors.length, 3);
  disk.now = newer;
  await identity.refresh();
  assert.is(identity.thumbprint, newer.thumbprint);
  identity.close();
});

own.run();
