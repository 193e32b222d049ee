/** The day a VM is stolen: the thief is refused, an open session ends, and the name is not taken over silently. */
import * as assert from 'uvu/assert';
import { tailAudit } from '../../broker/audit/index.ts';
import type { Broker } from '../../broker/index.ts';
import { onEachCarrier } from '../support/installation/carriers.ts';
import { codeOf, type Installation, nextEvent, withInstallation } from '../support/installation/installation.ts';

const revocation = onEachCarrier('revocation at a broker');
const CHROME = { role: 'domain', name: 'chrome-vm' } as const;

async function publish({ authority }: Installation, broker: Broker): Promise<number> {
  const { jws } = await authority.revocations();
  const result = await broker.keys.install(jws ?? '');
  assert.ok(result.ok);
  return result.ended;
}

async function incidentsOf(installation: Installation): Promise<unknown[]> {
  const reasons = [];
  for await (const { parsed } of tailAudit(installation.audit, { lines: 1_000 }))
    if (typeof parsed !== 'string' && (parsed.event === 'key.incident' || parsed.event === 'key.list'))
      reasons.push([parsed.event, parsed.fields.reason]);
  return reasons;
}

revocation('a revoked key loses its session at once and gets no other, also after a restart', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const [thief, mail] = [
      await installation.connect('chrome-vm', { reconnect: false }),
      await installation.connect('mail-vm'),
    ];
    const lost = nextEvent(thief, 'disconnected');
    await installation.authority.revoke({ target: CHROME, reason: 'stolen', until: null });
    assert.is(await publish(installation, broker), 1);
    assert.is((await lost).reason.code, 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(await codeOf(installation.connect('chrome-vm')), 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(mail.state, 'connected');
    assert.equal(
      broker.status().keys.incidents.map(({ kind, name, count }) => [kind, name, count]),
      [['REVOKED', 'chrome-vm', 1]],
    );
    await mail.close();
    await broker.close();
    const again = await installation.broker();
    assert.is(await codeOf(installation.connect('chrome-vm')), 'ERR_CLIENT_CREDENTIAL_REVOKED');
    await again.close();
    assert.equal(await incidentsOf(installation), [
      ['key.list', 'INSTALLED'],
      ['key.incident', 'REVOKED'],
      ['key.incident', 'REVOKED'],
    ]);
  }),
);

revocation('a thief with the old key neither evicts the VM that has a new one nor gets in later', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    // The VM got a new key; the broker has no list, it has only seen the new key.
    const renewed = await installation.issue('chrome-vm-renewed', 'domain', { name: 'chrome-vm' });
    const vm = await installation.connect('chrome-vm', { identity: renewed });
    assert.is(await codeOf(installation.connect('chrome-vm')), 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.is(vm.state, 'connected');
    assert.equal(
      broker.status().keys.incidents.map(({ kind }) => kind),
      ['OLD_KEY'],
    );
    assert.ok(broker.status().keys.isStale, 'the new credential names a list that is not here');
  }),
);

revocation('a new key takes over from the old one, and that is no incident', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const older = await installation.connect('chrome-vm');
    const superseded = nextEvent(older, 'disconnected');
    const renewed = await installation.issue('chrome-vm-renewed', 'domain', { name: 'chrome-vm' });
    const newer = await installation.connect('chrome-vm', { identity: renewed });
    assert.is((await superseded).reason.code, 'ERR_CLIENT_SUPERSEDED');
    assert.is(newer.state, 'connected');
    assert.equal(broker.status().keys.incidents, []);
  }),
);

revocation('one key in two places is recorded and shown: no silent take-over', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const older = await installation.connect('chrome-vm');
    const superseded = nextEvent(older, 'disconnected');
    await installation.connect('chrome-vm');
    await superseded;
    assert.equal(
      broker.status().keys.incidents.map(({ kind, name }) => [kind, name]),
      [['TWO_SESSIONS', 'chrome-vm']],
    );
  }),
);

revocation('a list that was put back keeps a broker from starting', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.authority.revoke({ target: CHROME, reason: 'stolen', until: null });
    await installation.issue('broker', 'broker', { name: 'argus' });
    assert.is(await codeOf(installation.broker()), 'ERR_KEY_REVOCATIONS');
  }),
);

revocation.run();
