/**
 * The witnesses that a log is compared with when the command line names none: those of the broker's configuration. For
 * `argus console` and `argus audit verify`.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  formatVerifierKey,
  openAuditLog,
  openWitness,
  SIGNATURE_COSIGNATURE,
  verifierKey,
} from '../../broker/audit/index.ts';
import type { SearchPlaces } from '../../broker/config/index.ts';
import { startWitnessing } from '../../broker/service/index.ts';
import { IdentityOfWitness, serveWitness } from '../../clients/audit/index.ts';
import { configuredWitnesses } from '../../clients/cli/commands/audit/evidence/configured-witnesses.ts';
import { namedWitnesses } from '../../clients/cli/commands/audit/evidence/named-witnesses.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { hostClock, signerOf } from '../audit/fixtures.ts';
import { codeOfRun, runCommand } from '../policy/run-policy.ts';
import { FakeClock } from '../support/clock.ts';
import { codeOf } from '../support/installation/installation.ts';
import { temporaryDirectory } from '../support/temp.ts';

const configured = suite('witnesses of the configuration');

const VKEY = formatVerifierKey(verifierKey('auditor.example', SIGNATURE_COSIGNATURE, new Uint8Array(32)));
/** Nothing listens there. */
const DEAF = 'http://127.0.0.1:9';
const KEYED = { url: DEAF, key: VKEY };
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const fail = (error: unknown): void => assert.unreachable(String(error));

/** A log, and an argus.yaml beside it with these witnesses. */
function hostWith(
  witnesses: readonly object[],
  identity = 'i',
): { readonly root: string; readonly log: string; readonly at: SearchPlaces } {
  const root = temporaryDirectory();
  const at = { here: join(root, 'here'), system: join(root, 'etc') };
  const log = join(root, 'audit');
  for (const directory of [at.here, at.system, log]) mkdirSync(directory, { mode: 0o755 });
  configure(at.system, log, witnesses, identity);
  return { root, log, at };
}

function configure(place: string, log: string, witnesses: readonly object[], identity = 'i'): void {
  const quorum = witnesses.length === 0 ? 0 : 1;
  const options = { identity, policy: 'p', audit: { directory: log, witnesses, quorum } };
  // JSON is YAML.
  writeFileSync(join(place, 'argus.yaml'), JSON.stringify(options), { mode: 0o644 });
}

configured('they are those of the broker that writes this log', () => {
  const { log, at } = hostWith([KEYED]);
  const found = configuredWitnesses(join(log, '../audit/'), at);
  assert.equal([found?.places, found?.isConfigured, found?.quorum], [[DEAF], true, 1]);
});

configured('another log has none of them, and a configuration that is not in order or names none has none', () => {
  const { log, at } = hostWith([KEYED]);
  assert.is(configuredWitnesses(at.here, at), null);
  assert.is(configuredWitnesses(log, { ...at, system: at.here }), null);
  assert.is(configuredWitnesses(join(log, 'gone'), at), null);
  writeFileSync(join(at.system, 'argus.yaml'), 'audit: 7\n');
  assert.is(configuredWitnesses(log, at), null);
  const none = hostWith([]);
  assert.is(configuredWitnesses(none.log, none.at), null);
});

configured('the command line comes before the configuration, and --no-witness asks none', () => {
  const { log, at } = hostWith([KEYED]);
  const places = (witness?: readonly string[] | false): unknown => {
    const found = namedWitnesses(log, witness === undefined ? {} : { witness }, at);
    return found === null ? null : [found.places, found.isConfigured];
  };
  assert.equal([places(), places(['noon']), places(false)], [[[DEAF], true], [['noon'], false], null]);
  assert.is(namedWitnesses(log, { witness: ['noon'], quorum: 2 }, at)?.quorum, 2);
  for (const flags of [
    { quorum: 1 },
    { revocations: 'list' },
    { witnessAuthority: 'a' },
    { witnessKey: [signerOf('a').key] },
  ])
    assert.throws(
      () => namedWitnesses(log, flags, at),
      ({ code }: { code: string }) => code === 'ERR_AUDIT_WITNESS',
    );
});

configured('a witness with a name whose credential cannot be checked is a fault of the witness', async () => {
  const { log, at } = hostWith([{ url: DEAF, name: 'carol' }]);
  const found = configuredWitnesses(log, at);
  assert.is(await codeOf(found?.ask(DEAF) ?? Promise.resolve()), 'ERR_AUDIT_WITNESS');
});

configured(
  'a witness with a name has a credential of the authority that the broker trusts, and of no other name',
  async () => {
    const base = temporaryDirectory();
    const [carol, logs] = [join(base, 'carol'), []];
    const authority = await createAuthority(join(base, 'authority'), 'unsealed');
    await issueIdentity(authority, carol, { name: 'carol', role: 'witness', ttlSeconds: 3_600 }, 'unsealed');
    const holder = await IdentityOfWitness.load(carol, fail);
    const open = await openWitness(join(base, 'witness'), { signer: holder.signer, logs, now: Date.now });
    const { url, close } = await serveWitness(open.witness, LOOPBACK, fail, holder);
    const keysFor = async (name: string) => {
      // Its trust anchor is that of the same authority.
      const { log, at } = hostWith([{ url, name }], carol);
      return (await configuredWitnesses(log, at)?.ask(url))?.keys ?? [];
    };
    try {
      assert.equal(
        (await keysFor('carol')).map(({ name }) => name),
        ['carol'],
      );
      assert.is(await codeOf(keysFor('dave')), 'ERR_AUDIT_WITNESS');
    } finally {
      await close();
      await open.close();
    }
  },
);

/** One run of the broker "host-1" on a log, shown to a witness. */
async function runOn(directory: string, signer: ReturnType<typeof signerOf>, url: string, key: string): Promise<void> {
  const log = await openAuditLog({ directory, broker: 'host-1', signer });
  const trust = {
    identity: {
      get authority(): never {
        throw new Error('no credential is verified');
      },
    },
    keys: { isRevoked: () => true, proven: () => false },
    clock: { wall: () => 0 },
    log: { warn: () => undefined },
  };
  const parts = { audit: log, clock: hostClock(new FakeClock()), log: pino({ level: 'silent' }), trust };
  const feed = await startWitnessing({ audit: directory, witnesses: [{ url, key }] }, parts);
  log.record({ event: 'admin.request', reason: 'DONE' });
  await log.close();
  await feed.idle();
  await feed.close();
}

configured('verify finds a rollback by them without an option, and says what it could not compare', async () => {
  const { root, log } = hostWith([]);
  const signer = signerOf('host-1');
  const key = ['--key', formatVerifierKey(signer.key)];
  const own = { name: 'auditor.example', seal: async (text: string) => text, open: async (text: string) => text };
  const open = await openWitness(join(root, 'witness'), { signer: own, logs: [signer.key], now: Date.now });
  const { url, close } = await serveWitness(open.witness, LOOPBACK, fail);
  const verify = async (...more: string[]) =>
    runCommand(await argusProgram('audit'), ['audit', 'verify', log, ...key, ...more]);
  const before = process.cwd();
  rmSync(log, { recursive: true });
  try {
    await runOn(log, signer, url, open.vkey);
    cpSync(log, join(root, 'noon'), { recursive: true });
    await runOn(log, signer, url, open.vkey);
    configure(root, log, [{ url, key: open.vkey }, KEYED]);
    process.chdir(root);

    const whole = await verify();
    assert.is(whole.exitCode, 0, whole.output);
    assert.match(whole.output, /\n {2}witness auditor\.example has seen 6 records at \S+; all are still there/);
    assert.match(whole.output, '\n  quorum reached: 1 must have seen this log; seen by 1\n');
    assert.match(whole.output, `\n  not compared with ${DEAF}: the witness at "${DEAF}" cannot be asked`);
    assert.match(whole.output, '\n  The witnesses are those of argus.yaml');
    const { silentWitnesses, witnesses } = JSON.parse((await verify('--json')).output);
    assert.equal([silentWitnesses.length, witnesses.length], [1, 1]);

    const both = await verify('--witness', url, '--witness-key', open.vkey, '--quorum', '2');
    assert.is(both.exitCode, 1);
    assert.match(both.output, 'WITNESS_QUORUM 1 witnesses have seen this log, and 2 have to');
    assert.match(both.output, '\n  quorum missed: 2 must have seen this log; seen by 1\n');
    configure(root, log, [KEYED]);
    assert.match((await verify()).output, 'WITNESS_QUORUM 0 witnesses have seen this log, and 1 have to');
    configure(root, log, [{ url, key: open.vkey }, KEYED]);

    rmSync(log, { recursive: true });
    cpSync(join(root, 'noon'), log, { recursive: true });
    const rolledBack = await verify();
    assert.is(rolledBack.exitCode, 1);
    assert.match(rolledBack.output, /^FAIL 3 records/);
    assert.match(rolledBack.output, 'rolled back: log: WITNESS_BEYOND');
    const alone = await verify('--no-witness');
    assert.is(alone.exitCode, 0);
    assert.match(alone.output, 'A cut-off end or a log rewritten does not show');
    assert.is(
      codeOfRun(await verify('--witness', DEAF)),
      'ERR_AUDIT_WITNESS',
      'a witness that a person names must answer',
    );
  } finally {
    process.chdir(before);
    await close();
    await open.close();
  }
});

configured.run();
