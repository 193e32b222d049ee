/** A revocation list reaches the brokers of a federation: published at one of them, it is in force at all. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../../broker/index.ts';
import { openAuthority, type RevocationList } from '../../keys/index.ts';
import { NatsInstallation } from '../support/nats/installation.ts';
import { needs } from '../support/needs.ts';

const withNats = needs('nats-server', 'nats-server');
const MEMBERS = [
  { name: 'a', home: 'one' },
  { name: 'b', home: 'two' },
];

const federation = suite('revocation between brokers');

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const isJoined = (broker: Broker): boolean => broker.status().brokers.every(({ session }) => session !== null);
const serialOf = (broker: Broker): number => broker.status().keys.revocationSerial;

/** Puts a holder on the list, and gives the list to one broker. */
async function revoke(
  installation: NatsInstallation,
  broker: Broker,
  role: 'domain' | 'broker',
  name: string,
): Promise<RevocationList> {
  const authority = await openAuthority(installation.path('authority'));
  const list = await authority.revoke({ target: { role, name }, reason: 'stolen', until: null });
  const { jws } = await authority.revocations();
  assert.ok((await broker.keys.install(jws ?? '')).ok);
  return list;
}

withNats(federation, 'a list that one broker gets ends sessions at the other, also after a separation', async () => {
  const installation = await NatsInstallation.set();
  try {
    await installation.enrol(MEMBERS, ['one', 'two']);
    await installation.startServer();
    const [one, two] = [await installation.startBroker('one'), await installation.startBroker('two')];
    await until(() => isJoined(one) && isJoined(two));

    const thief = await installation.connect('a', { carrier: one.carrierOf('a'), reconnect: false });
    const ended = new Promise<string>((resolve) => {
      thief.on('disconnected', ({ reason }) => resolve(reason.code));
    });
    await revoke(installation, two, 'domain', 'a');
    assert.is(await ended, 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(serialOf(one), 1);

    await one.close();
    await revoke(installation, two, 'domain', 'b');
    // Asked before the start: a broker that starts may have the newer list before the call returns.
    assert.is(serialOf(one), 1, 'it was away');
    const again = await installation.startBroker('one');
    await until(() => serialOf(again) === 2);

    await revoke(installation, two, 'broker', 'one');
    assert.not.ok(isJoined(two), 'its session ended at once');
    assert.is(serialOf(again), 2, 'a revoked broker is told nothing any more');
    await until(() => two.status().keys.incidents.some(({ kind, name }) => kind === 'REVOKED' && name === 'one'));
  } finally {
    await installation.strike();
  }
});

federation.run();
