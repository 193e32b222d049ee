/** A policy that changes while messages flow: the next frame is decided by the new one, and a broken one changes nothing. */
import * as assert from 'uvu/assert';
import { tailAudit } from '../../broker/audit/index.ts';
import type { BrokerStatus } from '../../broker/index.ts';
import { callControl } from '../../broker/index.ts';
import type { Vm } from '../../clients/sdk/index.ts';
import { onEachCarrier } from '../support/installation/carriers.ts';
import {
  codeOf,
  DATA_PORT,
  type Installation,
  nextEvent,
  OPEN_ROWS,
  PLAYBACK_PORT,
  withInstallation,
} from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';

const change = onEachCarrier('a policy that changes');

const TO_MAIL = { domain: 'mail-vm', port: DATA_PORT };
const MUTED_ROWS = [...OPEN_ROWS, 'p, chrome-vm, mail-vm, data, send, deny'];
const DEADLINE_MS = 20_000;

function send(vm: Vm): Promise<number> {
  return vm.sendv({ to: TO_MAIL, iov: new Uint8Array(8), deadline: DEADLINE_MS });
}

/** Sends until the first refusal; its code. */
async function sendUntilRefused(vm: Vm): Promise<string> {
  for (;;) {
    const code = await codeOf(send(vm));
    if (code !== 'none') return code;
  }
}

async function statusOf(installation: Installation): Promise<BrokerStatus> {
  return (await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus;
}

async function recordsOf(installation: Installation, event: string): Promise<Readonly<Record<string, unknown>>[]> {
  const found = [];
  for await (const { parsed } of tailAudit(installation.audit, { lines: 10_000 })) {
    if (typeof parsed !== 'string' && parsed.event === event) found.push(parsed.fields);
  }
  return found;
}

const WAYS: readonly (readonly [name: string, cause: (installation: Installation, pid: number) => Promise<unknown>])[] =
  [
    ['a changed file', async () => {}],
    ['SIGHUP', async (_, pid) => process.kill(pid, 'SIGHUP')],
    [
      'argus reload',
      async (installation) => assert.is((await runCli(['reload', '--control', installation.control])).code, 0),
    ],
  ];

for (const [way, cause] of WAYS) {
  change(`during a stream, ${way} puts the new policy in force for the next frame`, (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      const { pid } = await installation.brokerProcess({ watchPolicy: way === 'a changed file' });
      const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
      const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
      const heard = (async () => {
        let count = 0;
        for await (const _ of ring) count++;
        return count;
      })();
      let revoked = 0;
      chrome.on('revoked', ({ messages }) => {
        revoked += messages;
      });
      await send(chrome);
      const announced = nextEvent(chrome, 'revision');
      const refused = sendUntilRefused(chrome);
      await installation.writeRows(MUTED_ROWS);
      await cause(installation, pid);
      assert.is(await refused, 'EACCES');
      assert.equal(await announced, { revision: 2 });

      const again = nextEvent(chrome, 'revision');
      await installation.writeRows(OPEN_ROWS);
      await cause(installation, pid);
      assert.equal(await again, { revision: 3 });
      assert.is(await send(chrome), 8);
      const { messages } = await statusOf(installation);
      await ring.close();
      assert.is((await heard) + revoked, messages, 'each accepted message is delivered, or revoked and told so');
    }),
  );
}

change('a broken policy keeps the old one, says file:line:column, and is recorded', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.brokerProcess({ watchPolicy: false });
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
    await installation.writeRows([...MUTED_ROWS, 'p, chrome-vm, mail-vm, data, send, dney']);
    const { code, stderr } = await runCli(['reload', '--control', installation.control]);
    assert.is(code, 1);
    assert.match(stderr, 'policy.csv:6:');
    assert.match(stderr, 'dney');
    assert.is(await send(chrome), 8);
    assert.is((await statusOf(installation)).policy.revision, 1);
    const refusal = await broker.logged('the new policy was refused; the old one stays in force');
    assert.match(String(refusal.message), /policy\.csv:6:\d+/);
    broker.signal('SIGTERM');
    await broker.exited;
    const [record] = await recordsOf(installation, 'policy.reject');
    assert.is(record?.reason, refusal.code);
  }),
);

change('what lies in the broker, accepted and not sealed yet, is decided again, and its sender is told', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const chrome = await installation.connect('chrome-vm');
    const { gate, carrier: gated } = await installation.gateOf('mail-vm');
    try {
      const mail = await installation.connect('mail-vm', { carrier: gated });
      const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 8 * 1024 * 1024 });
      gate.shut();
      const accepted = 100;
      for (let sent = 0; sent < accepted; sent++) await chrome.sendv({ to: TO_MAIL, iov: new Uint8Array(60_000) });
      const revoked = nextEvent(chrome, 'revoked');
      await installation.writeRows(MUTED_ROWS);
      assert.equal(await broker.reload(), { ok: true, revision: 2, changed: true });
      const { messages, bytes, domid, port } = await revoked;
      assert.equal([domid, port], [mail.domid, DATA_PORT]);
      assert.is(bytes, messages * 60_000);
      assert.ok(messages > 0 && messages < accepted, `${messages} of ${accepted}`);

      const revision = nextEvent(mail, 'revision');
      gate.release();
      await revision;
      assert.is(ring.pending, accepted - messages, 'each is delivered or revoked');
      await broker.close();
      const records = await recordsOf(installation, 'send.revoked');
      assert.is(
        records.reduce((sum, record) => sum + Number(record.messages), 0),
        messages,
      );
    } finally {
      gate.close();
    }
  }),
);

change('a ring that is no longer permitted is closed with an event, and its reader ends with EACCES', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const audio = await installation.connect('audio-vm');
    const ring = await audio.registerRing({ port: PLAYBACK_PORT, partner: 'any', length: 65_536 });
    const closed = nextEvent(audio, 'ring-closed');
    const reading = codeOf(ring.receive());
    await installation.writeRows([...OPEN_ROWS, 'p, audio-vm, broker, argo, register_any_source, deny']);
    await broker.reload();
    const { ring: which, reason } = await closed;
    assert.is(which, ring);
    assert.is(reason.code, 'EACCES');
    assert.is(await reading, 'EACCES');
    assert.is(ring.isOpen, false);
    assert.is(broker.status().domains.flatMap(({ rings }) => rings).length, 0);
  }),
);

change('a domain that leaves the inventory loses its session and its socket; one that joins gets a socket', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const chrome = await installation.connect('chrome-vm');
    const mail = await installation.connect('mail-vm');
    const gone = nextEvent(mail, 'disconnected');
    await installation.issue('work-vm', 'domain');
    await installation.writeDomains({ 'audio-vm': ['@audio'], 'chrome-vm': [], 'work-vm': [] });
    assert.is((await broker.reload()).ok, true);
    const { reason, isFinal } = await gone;
    assert.is(reason.code, 'ERR_CLIENT_REMOVED');
    assert.is(isFinal, true);
    await installation.settleServer();
    assert.is(await codeOf(installation.connect('mail-vm')), 'ERR_CLIENT_UNREACHABLE');
    const work = await installation.connect('work-vm');
    const ring = await work.registerRing({ port: DATA_PORT, partner: 'chrome-vm', length: 4_096 });
    await chrome.sendv({ to: { domain: 'work-vm', port: DATA_PORT }, iov: new Uint8Array(1) });
    assert.is((await ring.receive())?.source.name, 'chrome-vm');
  }),
);

change('a policy of 10 000 rows is loaded, decides, and is reloaded while messages flow', (carrier) => {
  const many = (count: number): string[] =>
    Array.from(
      { length: count },
      (_, index) => `p, vm-${index % 100}, vm-${Math.floor(index / 100)}, data, send, allow`,
    );
  const domains = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`vm-${index}`, []]));
  return withInstallation({ carrier, domains, rows: [...OPEN_ROWS, ...many(9_995)] }, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const [one, two] = [await installation.connect('vm-1'), await installation.connect('vm-2')];
    const ring = await two.registerRing({ port: DATA_PORT, partner: 'any', length: 65_536 });
    const to = { domain: 'vm-2', port: DATA_PORT };
    await one.sendv({ to, iov: new Uint8Array(8) });
    await installation.writeRows([...OPEN_ROWS, ...many(9_995), 'p, vm-1, vm-2, data, send, deny']);
    const reload = broker.reload();
    let accepted = 1;
    let isReloaded = false;
    void reload.then(() => {
      isReloaded = true;
    });
    while (!isReloaded) {
      if ((await codeOf(one.sendv({ to, iov: new Uint8Array(8), deadline: DEADLINE_MS }))) === 'none') accepted++;
      ring.read();
    }
    assert.equal(await reload, { ok: true, revision: 2, changed: true });
    assert.is(broker.status().policy.rows, 10_000);
    assert.ok(accepted > 1, 'messages went on during the load');
    assert.is(await codeOf(one.sendv({ to, iov: new Uint8Array(8) })), 'EACCES');
  });
});

change.run();
