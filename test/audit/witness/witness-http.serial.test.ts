/** A witness over HTTP, as `argus audit witness` serves it, and a broker's log that is shown to it. On real files. */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  fetchWitnessed,
  openAuditLog,
  openWitness,
  parseVerifierKey,
  verifyAudit,
} from '../../../broker/audit/index.ts';
import { MAX_WITNESS_REQUEST_BYTES } from '../../../broker/audit/limits.ts';
import { startWitnessing } from '../../../broker/service/index.ts';
import { IdentityOfWitness, serveWitness } from '../../../clients/audit/index.ts';
import { credentialedKeys } from '../../../clients/cli/commands/audit/evidence/witness-keys.ts';
import { createAuthority, issueIdentity } from '../../../keys/index.ts';
import { codeOf } from '../../keys/forge.ts';
import { FakeClock } from '../../support/clock.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { hostClock, signerOf } from '../fixtures.ts';

/** In a temporary directory, in the clear. */
const OWN_KEY = {
  name: 'auditor.example',
  seal: (text: string) => Promise.resolve(text),
  open: (text: string) => Promise.resolve(text),
};

const http = suite('audit witness over HTTP');
const signer = signerOf('test');
const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** This witness is known by its key: no credential is looked at. */
const NO_TRUST = {
  identity: {
    get authority(): never {
      throw new Error('no credential is verified');
    },
  },
  keys: { isRevoked: () => true, proven: () => false },
  clock: { wall: () => 0 },
  log: { warn: () => undefined },
};

/** A witness in a new directory. */
async function serve(): Promise<{ url: string; vkey: string; directory: string; close: () => Promise<void> }> {
  const directory = join(temporaryDirectory(), 'witness');
  const open = await openWitness(directory, { signer: OWN_KEY, logs: [signer.key], now: Date.now });
  const server = await serveWitness(open.witness, LOOPBACK, (error) => assert.unreachable(String(error)));
  const close = async (): Promise<void> => {
    await server.close();
    await open.close();
  };
  return { url: server.url, vkey: open.vkey, directory, close };
}

/** One run of a broker's log, shown to the witness. */
async function run(directory: string, url: string, key: string): Promise<void> {
  const log = await openAuditLog({ directory, broker: 'test', signer });
  const options = { audit: directory, witnesses: [{ url, key }] };
  const parts = { audit: log, clock: hostClock(new FakeClock()), log: pino({ level: 'silent' }), trust: NO_TRUST };
  const feed = await startWitnessing(options, parts);
  log.record({ event: 'admin.request', reason: 'DONE' });
  await log.close();
  await feed.idle();
  await feed.close();
}

http('a log that is restored from a copy is found by asking the witness', async () => {
  const witness = await serve();
  const directory = join(temporaryDirectory(), 'audit');
  await run(directory, witness.url, witness.vkey);
  await run(directory, witness.url, witness.vkey);
  const key = parseVerifierKey(witness.vkey);
  const options = { keys: [signer.key], witnessKeys: key === null ? [] : [key] };
  const text = await fetchWitnessed(witness.url);
  const good = await verifyAudit(directory, { ...options, witnessed: [{ from: witness.url, text }] });
  assert.equal([good.problems, good.witnesses.map(({ size }) => size)], [[], [6]]);
  rmSync(join(directory, '00000001.jsonl'));
  rmSync(join(directory, 'checkpoints'));
  await run(directory, witness.url, witness.vkey).catch(() => undefined);
  const { ok } = await verifyAudit(directory, { ...options, witnessed: [{ from: witness.url, text }] });
  assert.not.ok(ok);
  assert.is(statSync(join(witness.directory, 'witness.key')).mode & 0o777, 0o600);
  await witness.close();
});

http('one process serves a directory, and keeps its key over restarts', async () => {
  const witness = await serve();
  const options = { signer: OWN_KEY, logs: [signer.key], now: Date.now };
  const second = await openWitness(witness.directory, options).then(
    () => 'opened',
    (error: { code: string }) => error.code,
  );
  assert.is(second, 'ERR_AUDIT_LOCKED');
  await witness.close();
  const again = await openWitness(witness.directory, options);
  assert.is(again.vkey, witness.vkey);
  await again.close();
});

http('what is no request of a log is refused, and bounded', async () => {
  const { url, close } = await serve();
  const ask = async (path: string, init?: RequestInit): Promise<number> => (await fetch(`${url}${path}`, init)).status;
  assert.is(await ask('/'), 404);
  assert.is(await ask('/add-checkpoint'), 405);
  assert.is(await ask('/add-checkpoint', { method: 'POST', body: 'hello' }), 400);
  const long = 'x'.repeat(MAX_WITNESS_REQUEST_BYTES + 1);
  assert.is(await ask('/add-checkpoint', { method: 'POST', body: long }), 413);
  await close();
  const gone = await fetchWitnessed(url).then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
  assert.is(gone, 'ERR_AUDIT_WITNESS');
});

http('verify takes the key of a witness from its credential, and not when that is missing or revoked', async () => {
  const base = temporaryDirectory();
  const authority = await createAuthority(join(base, 'authority'), 'unsealed');
  const terms = { name: 'carol', role: 'witness', ttlSeconds: 3_600 } as const;
  await issueIdentity(authority, join(base, 'carol'), terms, 'unsealed');
  const holder = await IdentityOfWitness.load(join(base, 'carol'), (error) => assert.unreachable(String(error)));
  const open = await openWitness(join(base, 'witness'), { signer: holder.signer, logs: [signer.key], now: Date.now });
  const server = await serveWitness(open.witness, LOOPBACK, (error) => assert.unreachable(String(error)), holder);
  const plain = await serve();
  const witnessAuthority = join(base, 'authority/authority.pub.jwk');
  const [key] = await credentialedKeys({ witness: [server.url], witnessAuthority });
  assert.equal([key?.name, key?.keyId], ['carol', holder.signer.key.keyId]);
  assert.equal(await credentialedKeys({ witness: [server.url] }), []);
  await authority.revoke({ target: { role: 'witness', name: 'carol' }, reason: 'stolen', until: null });
  const revocations = join(base, 'authority/revocations.jws');
  for (const flags of [
    { witness: [server.url], witnessAuthority, revocations },
    { witness: [plain.url], witnessAuthority },
    { witness: [join(base, 'witness/witnessed')], witnessAuthority },
    { witness: [server.url], witnessAuthority, revocations: witnessAuthority },
    { witness: [server.url], revocations },
    { witnessAuthority },
  ])
    assert.is(await codeOf(() => credentialedKeys(flags)), 'ERR_AUDIT_WITNESS', JSON.stringify(flags));
  await server.close();
  await open.close();
  await plain.close();
});

http.run();
