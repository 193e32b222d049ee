/** The runbook of docs/keys.md: each step by the command that the page names, at a broker that runs. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Broker, startBroker } from '../../broker/index.ts';
import { keysCommand } from '../../clients/cli/commands/keys.ts';
import { statusCommand } from '../../clients/cli/commands/running/status.ts';
import { connect } from '../../clients/sdk/index.ts';
import { createAuthority, issueIdentity, loadIdentity, openAuthority } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { codeOf } from './forge.ts';

const runbook = suite('runbook of keys');
const DAY = 86_400;
const PAGE = readFileSync(new URL('../../docs/keys.md', import.meta.url), 'utf8');

/** Runs one command in this process, and returns what it prints. */
async function argus(program: ReturnType<typeof keysCommand>, ...words: readonly string[]): Promise<string> {
  for (const each of [program, ...program.commands]) each.exitOverride();
  const write = process.stdout.write;
  let stdout = '';
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    stdout += String(chunk);
    return true;
  };
  try {
    await program.parseAsync(words, { from: 'user' });
    return stdout;
  } finally {
    process.stdout.write = write;
    process.exitCode = 0;
  }
}

const keys = (...words: readonly string[]): Promise<string> => argus(keysCommand(), ...words);

interface Site {
  readonly at: readonly string[];
  readonly authority: string;
  readonly path: (name: string) => string;
  readonly start: () => Promise<Broker>;
}

/** An authority, a broker and chrome-vm; `madeAt` is when their credentials of 90 days were issued. */
async function site(madeAt = Date.now()): Promise<Site> {
  const base = temporaryDirectory();
  const path = (name: string): string => join(base, name);
  const authority = await createAuthority(path('authority'), 'unsealed');
  const holders = [
    ['argus', 'broker'],
    ['chrome-vm', 'domain'],
  ] as const;
  for (const [name, role] of holders) {
    const issued = issueIdentity(authority, path(name), { name, role, ttlSeconds: 90 * DAY }, 'unsealed', {
      now: madeAt,
    });
    await issued;
  }
  await copyShippedPolicy(path('policy'));
  const [identity, policy, audit, runtime] = ['argus', 'policy', 'audit', 'run'].map(path) as [
    string,
    string,
    string,
    string,
  ];
  const start = (): Promise<Broker> =>
    startBroker({ identity, policy, audit, runtime, watchPolicy: false, log: { level: 'silent' } });
  return { at: ['--authority', path('authority')], authority: path('authority'), path, start };
}

runbook('a VM is stolen: revoke, a new key, and the thief is seen', async () => {
  const { at, path, start } = await site();
  const broker = await start();
  try {
    const carrier = broker.carrierOf('chrome-vm');
    const thief = await connect({ carrier, identity: path('chrome-vm'), reconnect: false });
    const lost = new Promise<string>((resolve) => thief.on('disconnected', ({ reason }) => resolve(reason.code)));
    assert.match(
      await keys('revoke', 'chrome-vm', ...at, '--reason', 'stolen', '--control', broker.control),
      '1 sessions ended',
    );
    assert.is(await lost, 'ERR_CLIENT_CREDENTIAL_REVOKED');

    await keys('enrol', path('new-vm'), '--name', 'chrome-vm', '--unsealed');
    const { thumbprint } = JSON.parse(await keys('approve', path('new-vm/request.jws'), ...at, '--json'));
    await keys('approve', path('new-vm/request.jws'), ...at, '--thumbprint', thumbprint, '--out', path('out'));
    const given = ['--credential', path('out/chrome-vm.credential.jwt'), '--authority', path('out/authority.pub.jwk')];
    await keys('install', path('new-vm'), ...given);
    const vm = await connect({ carrier, identity: path('new-vm') });
    assert.is(await codeOf(() => connect({ carrier, identity: path('chrome-vm') })), 'ERR_CLIENT_CREDENTIAL_REVOKED');
    assert.match(await keys('audit', ...at, '--control', broker.control), /INCIDENT +domain chrome-vm: REVOKED/);
    await vm.close();
  } finally {
    await broker.close();
  }
});

runbook('the host of the authority is lost: its backup issues and revokes again', async () => {
  const { at, path, start } = await site();
  const passphrase = ['--passphrase-file', path('passphrase')];
  await writeFile(path('passphrase'), 'correct horse battery', { mode: 0o600 });
  await keys('backup', path('authority'), '--out', path('backup'), ...passphrase);
  await keys('restore', path('backup'), path('restored'), ...passphrase);
  const restored = ['--authority', path('restored')];
  assert.is(await keys('list', ...restored), await keys('list', ...at));
  const broker = await start();
  try {
    await keys('revoke', 'chrome-vm', ...restored, '--reason', 'x');
    assert.match(await keys('publish', ...restored, '--control', broker.control), 'in force at');
    assert.is(broker.status().keys.revocationSerial, 1);
  } finally {
    await broker.close();
  }
});

runbook('everything has expired: renewed in place, the broker first, with the same keys', async () => {
  const { at, path, start, authority } = await site(Date.now() - 100 * DAY * 1000);
  assert.is(await codeOf(start), 'ERR_KEY_CREDENTIAL_EXPIRED');
  assert.match(await keys('list', ...at, '--all'), 'expired');
  for (const name of ['argus', 'chrome-vm']) assert.match(await keys('renew', path(name), ...at), 'generation 1');
  const broker = await start();
  try {
    const vm = await connect({ carrier: broker.carrierOf('chrome-vm'), identity: path('chrome-vm') });
    assert.is((await loadIdentity(path('chrome-vm'))).credential.generation, 1);
    await vm.close();
  } finally {
    await broker.close();
  }
  const opened = await openAuthority(authority);
  await opened.revoke({ target: { role: 'domain', name: 'chrome-vm' }, reason: 'stolen', until: null });
  assert.is(await codeOf(() => keys('renew', path('chrome-vm'), ...at)), 'ERR_KEY_REVOKED');
});

runbook('status warns before a credential expires, and is quiet after its renewal', async () => {
  const { at, path, start } = await site(Date.now() - 80 * DAY * 1000);
  const shown = async (): Promise<string> => {
    const broker = await start();
    try {
      const vm = await connect({ carrier: broker.carrierOf('chrome-vm'), identity: path('chrome-vm') });
      const text = await argus(statusCommand(), '--control', broker.control);
      await vm.close();
      return text;
    } finally {
      await broker.close();
    }
  };
  const before = await shown();
  for (const holder of ['broker argus', 'domain chrome-vm'])
    assert.match(before, new RegExp(`the credential of ${holder} expires in (9|10) days`));
  for (const name of ['argus', 'chrome-vm']) await keys('renew', path(name), ...at);
  assert.not.match(await shown(), 'the credential of');
});

runbook('a routine change of keys: domain, broker and authority, one command each, under an open session', async () => {
  const { at, path, start, authority } = await site();
  const broker = await start();
  try {
    const carrier = broker.carrierOf('chrome-vm');
    const vm = await connect({ carrier, identity: path('chrome-vm') });
    const retired = (await loadIdentity(path('chrome-vm'))).thumbprint;
    const control = ['--control', broker.control];
    const said = await keys('rotate', path('chrome-vm'), ...at, ...control, '--overlap', '1h');
    assert.match(said, `the old key ${retired} counts until`);
    assert.match(said, 'chrome-vm (domain) has generation 2');
    assert.match(said, '0 sessions ended');
    await keys('rotate', path('argus'), ...at, ...control);
    const rotated = JSON.parse(await keys('rotate', authority, '--overlap', '90d', ...control, '--json'));
    assert.is(rotated.kind, 'authority');
    assert.is(broker.status().keys.revocationSerial, 3);
    assert.is(await codeOf(() => keys('rotate', authority)), 'ERR_KEY_ROTATION');
    assert.is(await codeOf(() => keys('rotate', path('chrome-vm'))), 'ERR_KEY_FILE_MISSING');
    assert.is(await codeOf(() => keys('rotate', authority, ...at)), 'ERR_KEY_ROLE');

    assert.match(await keys('renew', path('chrome-vm'), ...at), 'generation 2');
    assert.is((await loadIdentity(path('chrome-vm'))).credential.issuer, rotated.thumbprint);
    assert.is(vm.state, 'connected');
    await vm.close();
    await (await connect({ carrier, identity: path('chrome-vm') })).close();
  } finally {
    await broker.close();
  }
});

runbook('a host is replaced: its keys move to a new one, which has its session', async () => {
  const { at, path, start } = await site();
  const prepared = JSON.parse(await keys('receive', path('new-host'), '--unsealed', '--json'));
  const sealed = ['--to', prepared.publicFile, '--thumbprint', prepared.thumbprint, '--out', path('transfer')];
  const said = await keys('migrate', path('chrome-vm'), ...sealed);
  const [, key = ''] = /receive DIR --file FILE --thumbprint (\S+)/.exec(said) ?? [];
  assert.is(await codeOf(() => keys('receive', path('new-host'), '--file', path('transfer'))), 'ERR_KEY_MISMATCH');
  assert.match(
    await keys('receive', path('new-host'), '--file', path('transfer'), '--thumbprint', key),
    'identity now',
  );
  const broker = await start();
  try {
    await keys('rotate', path('new-host'), ...at, '--overlap', '1s');
    await (await connect({ carrier: broker.carrierOf('chrome-vm'), identity: path('new-host') })).close();
    const old = connect({ carrier: broker.carrierOf('chrome-vm'), identity: path('chrome-vm'), reconnect: false });
    assert.is(await codeOf(() => old), 'ERR_CLIENT_CREDENTIAL_REVOKED');
  } finally {
    await broker.close();
  }
});

runbook('the page has each of these cases, with the commands', () => {
  for (const words of [
    'is stolen',
    'host is lost',
    'Everything has expired',
    'argus keys renew',
    'argus keys rotate',
    'argus keys migrate',
    'A host is stolen',
    'is mislaid',
    'list is missing',
    'argus keys restore',
    'argus keys publish',
  ])
    assert.match(PAGE, words);
});

runbook.run();
