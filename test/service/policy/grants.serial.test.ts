/** Grants on a running broker: what they allow, how they end, what the log knows of them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { callControl } from '../../../broker/index.ts';
import { ArgusError, type Vm } from '../../../clients/sdk/index.ts';
import { until, withHost } from '../../support/audio/host.ts';

const grants = suite('grants');

const CAPTURE = 4_714;
const FRAME = new Uint8Array(1_764);

function detailOf(record: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, unknown>> {
  return (record?.detail ?? {}) as Readonly<Record<string, unknown>>;
}

/** The code with which the microphone's frame is refused; 'OK' when it arrives. */
async function capture(audio: Vm): Promise<string> {
  try {
    await audio.sendv({ to: { domain: 'chrome-vm', port: CAPTURE }, iov: FRAME });
    return 'OK';
  } catch (error) {
    if (error instanceof ArgusError) return error.code;
    throw error;
  }
}

grants('a grant allows the next frame, a revocation denies the one after', () =>
  withHost(async (host) => {
    const audio = await host.connect('audio-vm');
    const chrome = await host.connect('chrome-vm');
    await chrome.registerRing({ port: CAPTURE, partner: 'audio-vm', length: 65_536 });
    assert.is(await capture(audio), 'EACCES');
    assert.is((await host.grant('chrome-vm', '@mic')).ok, true);
    assert.is(await capture(audio), 'OK');
    assert.equal(
      host.broker.grants.list().map(({ domain, label, by }) => [domain, label, by]),
      [['chrome-vm', '@mic', 'test']],
    );
    assert.equal(await host.revoke('chrome-vm', '@mic'), { ok: true, revision: 3, changed: true });
    assert.is(await capture(audio), 'EACCES');
    assert.equal(await host.revoke('chrome-vm', '@mic'), { ok: true, revision: 3, changed: false });
    assert.equal(host.broker.grants.list(), []);
  }),
);

grants('the domain learns of grant and revocation, and of its labels with each session', () =>
  withHost(async (host) => {
    const chrome = await host.connect('chrome-vm');
    await until('chrome-vm knows its labels', () => chrome.labels.includes('@app'));
    const seen: string[] = [];
    chrome.on('labels', ({ labels, isSelf }) => isSelf && seen.push(labels.join(' ')));
    await host.grant('chrome-vm', '@mic');
    await until('the grant is announced', () => chrome.labels.includes('@mic'));
    await host.revoke('chrome-vm', '@mic');
    await until('the revocation is announced', () => !chrome.labels.includes('@mic'));
    assert.equal(seen, ['@app @mic @speaker', '@app @speaker']);
  }),
);

grants('a grant that breaks an assertion is refused with the assertion’s line, and nothing changes', () =>
  withHost(
    async (host) => {
      const result = await host.grant('chrome-vm', '@mic');
      assert.is(result.ok, false);
      assert.match(result.ok ? '' : result.message, /assertions\.csv:\d+/);
      assert.is(host.broker.status().policy.revision, 1);
      assert.equal(host.broker.grants.list(), []);
      await until('the refusal is on disk', async () => (await host.audited('policy.reject')).length === 1);
      assert.is((await host.audited('grant.')).length, 0);
    },
    { 'assertions.csv': (text) => `${text}neverallow, @audio, chrome-vm, audio-capture, send\n` },
  ),
);

const REFUSED: readonly (readonly [label: string, domain: string, granted: string, message: RegExp])[] = [
  ['a label that is not grantable', 'chrome-vm', '@audio', /cannot be granted/],
  ['a label that is not declared', 'chrome-vm', '@mike', /is not declared.*@mic/],
  ['a domain that is not in the inventory', 'chrom-vm', '@mic', /is not in domains\.yaml.*chrome-vm/],
];
for (const [label, domain, granted, message] of REFUSED) {
  grants(`refused: ${label}`, () =>
    withHost(async (host) => {
      const result = await host.grant(domain, granted);
      assert.match(result.ok ? 'granted' : result.message, message);
      assert.is(host.broker.status().policy.revision, 1);
    }),
  );
}

grants('a grant ends when its time is over, and the log says when it was given, by whom, and that it expired', () =>
  withHost(async (host) => {
    await host.grant('chrome-vm', '@mic', 30);
    await until('it expired', () => host.broker.grants.list().length === 0);
    const audio = await host.connect('audio-vm');
    assert.is(await capture(audio), 'EACCES');
    const [added, ended, ...rest] = await host.audited('grant.');
    assert.equal([added?.event, ended?.event, rest.length], ['grant.add', 'grant.expire', 0]);
    const { label, by, from, forMs } = detailOf(added);
    assert.equal({ label, by, from, forMs }, { label: '@mic', by: 'test', from: 2, forMs: 30 });
    assert.match(JSON.stringify(added?.src), '"labels":["@app","@speaker"]', 'recorded before it takes effect');
    const loads = await host.audited('policy.load');
    assert.equal(detailOf(loads[1]).grants, ['chrome-vm @mic']);
  }),
);

grants('granting again moves the end', () =>
  withHost(async (host) => {
    await host.grant('chrome-vm', '@mic', 3_600_000);
    await host.grant('chrome-vm', '@mic', null);
    const [only, ...rest] = host.broker.grants.list();
    assert.equal([only?.expiresAt, rest.length], [null, 0]);
  }),
);

grants('a goodbye ends the grant, a carrier that broke does not, and a kept one survives both', () =>
  withHost(async (host) => {
    const first = await host.connect('chrome-vm');
    await host.connect('mail-vm').then(async (mail) => {
      await host.grant('mail-vm', '@mic', null, true);
      await mail.close();
    });
    await host.grant('chrome-vm', '@mic');
    await first.close();
    await until(
      'the grant of chrome-vm ended',
      () => !host.broker.grants.list().some(({ domain }) => domain === 'chrome-vm'),
    );
    assert.equal(
      host.broker.grants.list().map(({ domain }) => domain),
      ['mail-vm'],
    );
    // The grant ends at once; its record is on disk a little later.
    await until('the end is recorded', async () => (await host.audited('grant.revoke')).length > 0);
    const revoked = (await host.audited('grant.revoke'))[0];
    assert.is(revoked?.reason, 'SESSION_ENDED');
  }),
);

grants('a reload of the files keeps grants, except those that they no longer bear', () =>
  withHost(async (host) => {
    await host.grant('chrome-vm', '@mic');
    await host.grant('mail-vm', '@mic');
    const again = await host.edit('policy.csv', (text) => `${text}# edited\n`);
    assert.equal(again, { ok: true, revision: 4, changed: true });
    assert.is(host.broker.grants.list().length, 2);
    const stricter = await host.edit(
      'assertions.csv',
      (text) => `${text}neverallow, @audio, mail-vm, audio-capture, send\n`,
    );
    assert.is(stricter.ok, true);
    assert.equal(
      host.broker.grants.list().map(({ domain }) => domain),
      ['chrome-vm'],
    );
    assert.is((await host.audited('grant.revoke'))[0]?.reason, 'POLICY_CHANGED');
  }),
);

grants('a revocation does not wait for a file that somebody is editing', () =>
  withHost(async (host) => {
    await host.grant('chrome-vm', '@mic');
    const broken = await host.edit('policy.csv', (text) => `${text}p, half a row`);
    assert.is(broken.ok, false);
    assert.is((await host.revoke('chrome-vm', '@mic')).ok, true);
    assert.equal(host.broker.grants.list(), []);
  }),
);

grants('what cannot be taken back alone is taken back with all the others', () =>
  withHost(
    async (host) => {
      assert.is((await host.grant('mail-vm', '@deaf')).ok, true);
      assert.is((await host.grant('mail-vm', '@mic')).ok, true);
      const result = await host.broker.grants.revoke({
        domain: 'mail-vm',
        label: '@deaf',
        by: 'test',
        reason: 'EXPIRED',
      });
      assert.is(result.ok, true);
      assert.equal(host.broker.grants.list(), []);
      const revoked = await host.audited('grant.revoke');
      assert.equal(
        revoked.map((record) => [detailOf(record).label, record.reason, detailOf(record).why]),
        [
          ['@deaf', 'REVOKED', 'EXPIRED'],
          ['@mic', 'ASSERTION', undefined],
        ],
      );
    },
    {
      'domains.yaml': (text) => text.replace('labels:\n', 'labels:\n  - name: "@deaf"\n    grantable: true\n'),
      'policy.csv': (text) => `${text}p, @audio, @deaf, audio-capture, send, deny\n`,
      'assertions.csv': (text) => `${text}neverallow, @audio, mail-vm, audio-capture, send\n`,
    },
  ),
);

grants('of a hundred changes at once the last one asked for decides', () =>
  withHost(async (host) => {
    const work = Array.from({ length: 50 }, () => [host.grant('chrome-vm', '@mic'), host.revoke('chrome-vm', '@mic')]);
    await Promise.all(work.flat());
    assert.equal(host.broker.grants.list(), []);
    assert.equal(await host.grant('chrome-vm', '@mic').then(({ ok }) => ok), true);
    assert.is(host.broker.grants.list().length, 1);
  }),
);

grants('the control socket grants, lists and revokes, and refuses what it does not understand', () =>
  withHost(async (host) => {
    const { control } = host.broker;
    const granted = await callControl(control, 'POST', '/v1/grants', {
      domain: 'chrome-vm',
      label: '@mic',
      by: 'alice',
    });
    assert.equal(granted, { ok: true, body: { ok: true, revision: 2, changed: true } });
    const { body } = await callControl(control, 'GET', '/v1/grants');
    assert.is((body as { grants: { by: string }[] }).grants[0]?.by, 'alice');
    for (const bad of [
      {},
      { domain: 'chrome-vm' },
      { domain: 'chrome-vm', label: '@mic', fro: 1 },
      { domain: 1, label: 2 },
    ])
      assert.is((await callControl(control, 'POST', '/v1/grants', bad)).ok, false);
    const huge = { domain: 'chrome-vm', label: '@mic', reason: 'x'.repeat(100_000) };
    assert.is((await callControl(control, 'POST', '/v1/grants', huge)).ok, false);
    const revoke = { domain: 'chrome-vm', label: '@mic' };
    assert.is((await callControl(control, 'POST', '/v1/grants/revoke', revoke)).ok, true);
    assert.equal(host.broker.grants.list(), []);
  }),
);

grants.run();
