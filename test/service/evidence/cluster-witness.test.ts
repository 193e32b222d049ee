/** A broker as a witness of another one: whose key it believes, and how often it says that a log was rolled back. */
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signCheckpoint } from '../../../broker/audit/evidence/index.ts';
import { memoryAudit, openWitnessFeed, parseVerifierKey, readWitnessKey } from '../../../broker/audit/index.ts';
import { formatWitnessRequest } from '../../../broker/audit/witness/index.ts';
import type { ClusterWitness } from '../../../broker/federation/index.ts';
import { checkpointSigner, startClusterWitness } from '../../../broker/service/index.ts';
import { named } from '../../audit/fixtures.ts';
import { FakeClock } from '../../support/clock.ts';
import { KEYS } from '../../support/peer/harness.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const witnesses = suite('cluster witness');
const ROOT = '11'.repeat(32);

async function start(broker: string, audit = memoryAudit(), directory = temporaryDirectory()): Promise<ClusterWitness> {
  const feed = openWitnessFeed(directory, new FakeClock(), () => undefined);
  const parts = { directory, identity: await KEYS.of(broker, 'broker'), feed, audit };
  return startClusterWitness({ ...parts, domain: () => named('net-vm'), log: pino({ level: 'silent' }), now: () => 0 });
}

witnesses('the key of a broker is the one under the thumbprint that it has proved', async () => {
  const directory = temporaryDirectory();
  const [one, two] = [await start('one', memoryAudit(), directory), await start('two')];
  const key = parseVerifierKey(one.vkey);
  if (key === null) throw new Error('no key');
  assert.is(await readWitnessKey(directory), one.vkey);
  assert.is(key.name, two.nameOf('one'));
  assert.ok(await two.isProved(key, (await KEYS.of('one', 'broker')).thumbprint));
  assert.not(await two.isProved(key, (await KEYS.of('two', 'broker')).thumbprint));
});

witnesses('a log that was rolled back is recorded once, until it goes on again', async () => {
  const audit = memoryAudit();
  const [one, two] = [await start('one'), await start('two', audit)];
  const key = parseVerifierKey(one.vkey);
  if (key === null) throw new Error('no key');
  const signer = checkpointSigner(await KEYS.of('one', 'broker'));
  const show = async (old: number, size: number): Promise<number> => {
    const checkpoint = await signCheckpoint({ origin: 'argus/one/0123456789abcdef', size, root: ROOT }, signer);
    return (await two.cosign('one', key, formatWitnessRequest({ old, path: [], checkpoint }))).status;
  };
  const conflicts = (): number => audit.records.filter(({ reason }) => reason === 'LOG_CONFLICT').length;
  assert.equal([await show(0, 5), conflicts()], [200, 0]);
  assert.equal([await show(0, 5), conflicts()], [409, 0]);
  assert.equal([await show(3, 3), conflicts()], [409, 1]);
  assert.equal([await show(3, 3), conflicts()], [409, 1]);
  assert.equal([await show(5, 5), conflicts()], [200, 1]);
  assert.equal([await show(3, 3), conflicts()], [409, 2]);
});

witnesses.run();
