/** The witnesses that a console asks when the command line names none: those of the broker's configuration. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatVerifierKey, openWitness, SIGNATURE_COSIGNATURE, verifierKey } from '../../broker/audit/index.ts';
import type { SearchPlaces } from '../../broker/config/index.ts';
import { IdentityOfWitness, serveWitness } from '../../clients/audit/index.ts';
import { configuredWitnesses } from '../../clients/cli/commands/audit/evidence/configured-witnesses.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { codeOf } from '../support/installation/installation.ts';
import { temporaryDirectory } from '../support/temp.ts';

const configured = suite('witnesses of the configuration');

const VKEY = formatVerifierKey(verifierKey('auditor.example', SIGNATURE_COSIGNATURE, new Uint8Array(32)));
const KEYED = { url: 'http://10.0.0.9:7420', key: VKEY };
/** Nothing listens there. */
const NAMED = { url: 'http://127.0.0.1:9', name: 'carol' };

/** A log, and an argus.yaml beside it with these witnesses. */
function hostWith(witnesses: readonly object[], identity = 'i'): { readonly log: string; readonly at: SearchPlaces } {
  const root = temporaryDirectory();
  const at = { here: join(root, 'here'), system: join(root, 'etc') };
  const log = join(root, 'audit');
  for (const directory of [at.here, at.system, log]) mkdirSync(directory, { mode: 0o755 });
  const options = { identity, policy: 'p', audit: { directory: log, witnesses } };
  // JSON is YAML.
  writeFileSync(join(at.system, 'argus.yaml'), JSON.stringify(options));
  return { log, at };
}

configured('they are those of the broker that writes this log', async () => {
  const { log, at } = hostWith([KEYED]);
  const found = configuredWitnesses(join(log, '../audit/'), at);
  assert.equal([found?.places, found?.isConfigured], [['http://10.0.0.9:7420'], true]);
  assert.equal(
    (await found?.keys())?.map(({ name }) => name),
    ['auditor.example'],
  );
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

configured('a witness with a name whose credential cannot be checked is a fault of the witness', async () => {
  const { log, at } = hostWith([KEYED, NAMED]);
  const found = configuredWitnesses(log, at);
  assert.is(found?.places.length, 2);
  assert.is(await codeOf(found?.keys() ?? Promise.resolve()), 'ERR_AUDIT_WITNESS');
});

configured(
  'a witness with a name has a credential of the authority that the broker trusts, and of no other name',
  async () => {
    const base = temporaryDirectory();
    const [carol, logs] = [join(base, 'carol'), []];
    const authority = await createAuthority(join(base, 'authority'), 'unsealed');
    await issueIdentity(authority, carol, { name: 'carol', role: 'witness', ttlSeconds: 3_600 }, 'unsealed');
    const fail = (error: unknown): void => assert.unreachable(String(error));
    const holder = await IdentityOfWitness.load(carol, fail);
    const open = await openWitness(join(base, 'witness'), { signer: holder.signer, logs, now: Date.now });
    const { url, close } = await serveWitness(open.witness, { host: '127.0.0.1', port: 0 }, fail, holder);
    const keysFor = (name: string) => {
      // Its trust anchor is that of the same authority.
      const { log, at } = hostWith([{ url, name }], carol);
      return configuredWitnesses(log, at)?.keys() ?? Promise.resolve([]);
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

configured.run();
