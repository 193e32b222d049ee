/** The register of an authority in the audit log of a broker: each entry once, whatever comes twice and whenever it ends. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MemoryAudit, memoryAudit } from '../../broker/audit/index.ts';
import type { AuditRecord } from '../../broker/record/index.ts';
import { KeyRegister } from '../../broker/service/index.ts';
import {
  type Authority,
  createAuthority,
  createIdentityKey,
  issueIdentity,
  openAuthority,
  RecordedEntries,
  rotateAuthority,
} from '../../keys/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const registers = suite('the register in the audit log');
const NOW = Date.UTC(2026, 10, 29, 12);
const DAY = 86_400;

class Site {
  readonly #base = temporaryDirectory();
  /** The log outlives the broker. */
  readonly audit: MemoryAudit = memoryAudit();

  path(name: string): string {
    return join(this.#base, name);
  }

  static async make(): Promise<Site> {
    const site = new Site();
    await createAuthority(site.path('authority'), 'unsealed');
    await mkdir(site.path('broker'), { mode: 0o700 });
    return site;
  }

  authority(by: string | null = null): Promise<Authority> {
    return openAuthority(this.path('authority'), by);
  }

  /** A broker that starts, as far as the register goes. */
  async start(anchor?: Authority): Promise<KeyRegister> {
    const trusted = (anchor ?? (await this.authority())).public;
    const store = await RecordedEntries.open(this.path('broker'));
    return KeyRegister.open(
      store,
      () => trusted,
      this.audit,
      async (seq) => this.#idsAfter(seq),
    );
  }

  #idsAfter(seq: number): ReadonlySet<string> {
    const later = this.audit.records.filter((record) => record.seq > seq);
    return new Set(later.map(({ detail }) => String(detail?.entry)));
  }

  /** Event, cause, and who did it. */
  get told(): unknown[] {
    return this.audit.records
      .filter(({ event }) => event.startsWith('key.'))
      .map(({ event, reason, detail }) => [event, reason, detail?.name ?? detail?.key, detail?.by]);
  }
}

async function issue(site: Site, name: string, by: string | null = null): Promise<string> {
  const { publicJwk, thumbprint } = await createIdentityKey(site.path(name), name, 'unsealed');
  const terms = { name, role: 'domain', publicJwk, ttlSeconds: DAY, now: NOW } as const;
  await (await site.authority(by)).issue({ ...terms, cause: 'APPROVED', requestedAt: NOW / 1000 - 60 });
  return thumbprint;
}

async function takeAll(register: KeyRegister, authority: Authority): Promise<number> {
  let recorded = 0;
  for (const extract of await authority.extracts()) {
    const result = await register.take(extract);
    assert.ok(result.ok, JSON.stringify(result));
    recorded += result.recorded;
  }
  return recorded;
}

registers('a record says whose key, until when, who approved it, and when it was asked for and done', async () => {
  const site = await Site.make();
  const thumbprint = await issue(site, 'chrome-vm', 'alice');
  assert.is(await takeAll(await site.start(), await site.authority()), 1);
  const { event, code, reason, detail = {} } = site.audit.records.at(-1) as AuditRecord;
  const { entry, ...rest } = detail;
  assert.type(entry, 'string');
  assert.equal([event, code, reason], ['key.issue', 'A7004I', 'APPROVED']);
  assert.equal(rest, {
    role: 'domain',
    name: 'chrome-vm',
    key: thumbprint,
    generation: 1,
    until: '2026-11-30T12:00:00.000Z',
    at: '2026-11-29T12:00:00.000Z',
    by: 'alice',
    requestedAt: '2026-11-29T11:59:00.000Z',
  });
});

registers('renewals, new keys and revocations are told apart', async () => {
  const site = await Site.make();
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: DAY } as const;
  const authority = await site.authority('alice');
  for (const dir of ['one', 'one', 'two']) await issueIdentity(authority, site.path(dir), terms, 'unsealed');
  await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: 'stolen', until: null });
  await takeAll(await site.start(), authority);
  assert.equal(site.told, [
    ['key.issue', 'ISSUED', 'chrome-vm', 'alice'],
    ['key.issue', 'RENEWED', 'chrome-vm', 'alice'],
    ['key.revoke', 'REVOKED', 'chrome-vm', 'alice'],
    ['key.issue', 'ISSUED', 'chrome-vm', 'alice'],
    ['key.revoke', 'REVOKED', 'chrome-vm', 'alice'],
  ]);
  const { serial, why, generation } = site.audit.records.at(-1)?.detail ?? {};
  assert.equal([serial, why, generation], [2, 'stolen', 2]);
});

registers('an extract that comes twice, at once or after a restart, is recorded once', async () => {
  const site = await Site.make();
  await issue(site, 'chrome-vm');
  await issue(site, 'mail-vm');
  const register = await site.start();
  const [extract = ''] = await (await site.authority()).extracts();
  const both = await Promise.all([register.take(extract), register.take(extract)]);
  assert.equal(both, [
    { ok: true, recorded: 2 },
    { ok: true, recorded: 0 },
  ]);
  assert.is(await takeAll(await site.start(), await site.authority()), 0);
  await issue(site, 'net-vm');
  assert.is(await takeAll(await site.start(), await site.authority()), 1, 'and what is new is not left out');
});

for (const [what, isRecorded] of [
  ['before the records are written', false],
  ['after that, before it has noted them', true],
] as const) {
  registers(`a broker that ends ${what} records each entry once`, async () => {
    const site = await Site.make();
    await issue(site, 'chrome-vm');
    const extracts = await (await site.authority()).extracts();
    const { recorded } = { recorded: join(site.path('broker'), 'recorded.json') };
    await (await site.start()).take(extracts[0] ?? '');
    const [entry] = JSON.parse(await readFile(recorded, 'utf8')).recorded;
    const after = isRecorded ? site.audit.head.seq - 1 : site.audit.head.seq;
    // As it lies on the disk between "begun" and "noted"; without the record, the log that counts begins after it.
    await writeFile(recorded, JSON.stringify({ recorded: [], pending: { ids: [entry], after } }));
    const again = await takeAll(await site.start(), await site.authority());
    assert.is(again, isRecorded ? 0 : 1);
  });
}

registers('a log that cannot be written takes no entry, and the next start does not forget it', async () => {
  const site = await Site.make();
  await issue(site, 'chrome-vm');
  const register = await site.start();
  site.audit.setHealthy(false);
  const [extract = ''] = await (await site.authority()).extracts();
  const result = await register.take(extract);
  assert.is(result.ok ? 'ok' : result.reason, 'LOG_NOT_WRITTEN');
  assert.equal((await RecordedEntries.open(site.path('broker'))).ids, []);
});

registers('an extract of another authority, an edited one and other tokens are refused', async () => {
  const site = await Site.make();
  await issue(site, 'chrome-vm');
  const authority = await site.authority();
  await authority.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: 'x', until: null });
  const [extract = ''] = await authority.extracts();
  const { jws } = await authority.revocations();
  const register = await site.start();
  const other = await site.start(await createAuthority(site.path('foreign'), 'unsealed'));
  const [head = '', body = '', signature = ''] = extract.split('.');
  const edited = Buffer.from(Buffer.from(body, 'base64url').toString().replace('chrome-vm', 'chrome-vn'));
  const refusals = await Promise.all([
    other.take(extract),
    register.take(`${head}.${edited.toString('base64url')}.${signature}`),
    register.take(jws ?? ''),
    register.take(''),
  ]);
  for (const result of refusals) assert.is(result.ok ? 'ok' : result.reason, 'NOT_AN_EXTRACT');
  assert.equal(site.told, []);
});

registers('an authority that was rotated, or restored from a backup, goes on', async () => {
  const site = await Site.make();
  await issue(site, 'chrome-vm');
  const old = await site.authority();
  const register = await site.start(old);
  await takeAll(register, old);
  const path = join(site.path('authority'), 'issued.jsonl');
  const backup = await readFile(path, 'utf8');
  await issue(site, 'mail-vm');
  await takeAll(register, await site.authority());
  await writeFile(path, backup, { mode: 0o600 });
  await issue(site, 'net-vm');
  assert.is(await takeAll(register, await site.authority()), 1, 'what the backup lacks stays in the log');
  const { authority } = await rotateAuthority(site.path('authority'), { overlapSeconds: DAY, by: 'alice' });
  assert.is(await takeAll(register, authority), 1, 'signed by the new key, which the old one vouches for');
  assert.equal(site.told.at(-1), ['key.revoke', 'REVOKED', old.thumbprint, 'alice']);
});

registers('entries of a register that is older than these claims are recorded as far as it knows', async () => {
  const site = await Site.make();
  await issue(site, 'chrome-vm', 'alice');
  const path = join(site.path('authority'), 'issued.jsonl');
  const line = JSON.parse(await readFile(path, 'utf8'));
  for (const claim of ['by', 'cause', 'requested']) delete line[claim];
  await writeFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
  await takeAll(await site.start(), await site.authority());
  assert.equal(site.told, [['key.issue', 'ISSUED', 'chrome-vm', null]]);
});

registers.run();
