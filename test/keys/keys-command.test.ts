/** `argus keys` from the outside: its output, its files, and its errors. */
import { chmod, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeNkey, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { callControl, startBroker } from '../../broker/index.ts';
import { refusalIn } from '../../clients/cli/commands/keys/refusal.ts';
import { keysCommand } from '../../clients/cli/commands/keys.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { needs } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { asForeign } from './foreign.ts';
import { codeOf } from './forge.ts';

const withOpenssl = needs('openssl', 'openssl');
const command = suite('keys command');

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  /** Code of the error with which it ended; null on success. */
  readonly code: unknown;
}

/** Runs one command in this process. Tests of a suite run one after the other, so the captured output is its own. */
async function argusKeys(...words: readonly string[]): Promise<Run> {
  const program = keysCommand();
  let [stdout, stderr] = ['', ''];
  for (const each of [program, ...program.commands])
    each.exitOverride().configureOutput({
      writeOut: (text) => {
        stdout += text;
      },
      writeErr: (text) => {
        stderr += text;
      },
    });
  const write = process.stdout.write;
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    stdout += String(chunk);
    return true;
  };
  let code: unknown = null;
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    code = error instanceof Error && 'code' in error ? error.code : error;
  } finally {
    process.stdout.write = write;
  }
  return { stdout, stderr, code };
}

command('the whole flow: init, enrol, issue, install, show', async () => {
  const base = temporaryDirectory();
  const [authority, vm, out] = [join(base, 'authority'), join(base, 'vm'), join(base, 'out')];
  assert.is((await argusKeys('init', authority, '--unsealed')).code, null);
  const enrolled = await argusKeys('enrol', vm, '--name', 'chrome-vm', '--unsealed');
  assert.match(enrolled.stdout, join(vm, 'key.pub.jwk'));
  assert.match(enrolled.stdout, 'argus keys approve FILE --authority DIR --thumbprint');
  const publicKey = join(vm, 'key.pub.jwk');
  const issued = await argusKeys(
    'issue',
    'chrome-vm',
    '--public',
    publicKey,
    '--authority',
    authority,
    '--ttl',
    '12h',
    '--out',
    out,
  );
  assert.is(issued.code, null);
  const [credential, anchor] = [join(out, 'chrome-vm.credential.jwt'), join(out, 'authority.pub.jwk')];
  assert.match(issued.stdout, credential);
  assert.is((await argusKeys('install', vm, '--credential', credential, '--authority', anchor)).code, null);
  const shown = await argusKeys('show', vm);
  assert.match(shown.stdout, /role +domain/);
  assert.match(shown.stdout, /usable +yes/);
  const described = JSON.parse((await argusKeys('show', vm, '--json')).stdout);
  assert.is(described.credential.expiresAt - described.credential.notBefore, 12 * 3600);
  assert.is(JSON.parse((await argusKeys('show', authority, '--json')).stdout).kind, 'authority');
  const { d } = JSON.parse(await readFile(join(vm, 'key.jwk'), 'utf8'));
  for (const run of [enrolled, issued, shown]) assert.not.ok(run.stdout.includes(d));
});

async function makeAuthority(): Promise<string> {
  const dir = join(temporaryDirectory(), 'authority');
  await createAuthority(dir, 'unsealed');
  return dir;
}

command('a request is shown first, and issued to the thumbprint that was compared', async () => {
  const [vm, newVm, out] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
  const at = ['--authority', await makeAuthority()];
  await argusKeys('enrol', join(vm, 'a'), '--name', 'chrome-vm', '--unsealed');
  const request = join(vm, 'a', 'request.jws');
  const asked = JSON.parse((await argusKeys('approve', request, ...at, '--json')).stdout);
  assert.equal([asked.name, asked.role, asked.retires], ['chrome-vm', 'domain', []]);
  assert.match((await argusKeys('approve', request, ...at)).stdout, 'nothing was issued');
  const wrong = await argusKeys('approve', request, ...at, '--thumbprint', 'x'.repeat(43), '--out', join(out, 'a'));
  assert.is(wrong.code, 'ERR_KEY_MISMATCH');
  const approved = await argusKeys(
    'approve',
    request,
    ...at,
    '--thumbprint',
    asked.thumbprint,
    '--out',
    join(out, 'a'),
  );
  assert.match(approved.stdout, 'generation 1');
  await argusKeys('enrol', join(newVm, 'a'), '--name', 'chrome-vm', '--unsealed');
  const again = join(newVm, 'a', 'request.jws');
  const shown = await argusKeys('approve', again, ...at);
  assert.match(shown.stdout, `approving it retires the key ${asked.thumbprint} of generation 1`);
  const { thumbprint } = JSON.parse((await argusKeys('approve', again, ...at, '--json')).stdout);
  const second = await argusKeys('approve', again, ...at, '--thumbprint', thumbprint, '--out', join(out, 'b'));
  assert.match(second.stdout, 'generation 2');
  assert.match(second.stdout, `retired the key ${asked.thumbprint}`);
});

command('enrol run again says the same and keeps the key', async () => {
  const vm = join(temporaryDirectory(), 'vm');
  const first = await argusKeys('enrol', vm, '--name', 'broker', '--role', 'broker', '--unsealed');
  const second = await argusKeys('enrol', vm, '--name', 'broker', '--role', 'broker', '--unsealed');
  assert.is(second.stdout, first.stdout.replace('made the key', 'kept the key'));
  const shown = await argusKeys('approve', join(vm, 'request.jws'), '--authority', await makeAuthority());
  assert.match(shown.stdout, 'broker broker asks for a credential');
});

command('what cannot be done ends with its code', async () => {
  const base = temporaryDirectory();
  const [authority, vm] = [join(base, 'authority'), join(base, 'vm')];
  await argusKeys('init', authority, '--unsealed');
  await argusKeys('enrol', vm, '--name', 'chrome-vm', '--unsealed');
  const issue = ['--public', join(vm, 'key.pub.jwk'), '--authority', authority, '--out', join(base, 'out')];
  const table: readonly (readonly [readonly string[], string])[] = [
    [['init', authority], 'ERR_KEY_EXISTS'],
    [['enrol', vm, '--name', 'audio-vm'], 'ERR_KEY_EXISTS'],
    [['enrol', join(base, 'x'), '--name', 'Bad Name'], 'ERR_KEY_NAME'],
    [['issue', 'audio-vm', ...issue], 'ERR_KEY_MISMATCH'],
    [['issue', 'chrome-vm', ...issue, '--authority', vm], 'ERR_KEY_FILE_MISSING'],
    [['issue', 'chrome-vm', ...issue, '--public', join(vm, 'key.jwk')], 'ERR_KEY_PRIVATE_GIVEN'],
    [['issue', 'chrome-vm', ...issue, '--ttl', '99999d'], 'ERR_KEY_TTL'],
    [['install', vm, '--credential', join(base, 'none')], 'ERR_KEY_FILE_MISSING'],
    [['show', base], 'ERR_KEY_FILE_MISSING'],
  ];
  for (const [words, code] of table) assert.is((await argusKeys(...words)).code, code, words.join(' '));
});

command('a wrong command line is commander’s to refuse, and writes nothing', async () => {
  const dir = join(temporaryDirectory(), 'x');
  const table: readonly (readonly string[])[] = [
    ['enrol', dir],
    ['enrol', dir, '--name', 'a', '--role', 'root'],
    ['issue', 'a', '--public', 'f', '--authority', 'd', '--ttl', '90'],
    ['issue', 'a', '--public', 'f', '--authority', 'd', '--ttl', '0d'],
    ['issue', 'a', '--public', 'f', '--authority', 'd', '--ttl', '5y'],
    ['install', dir],
    ['init', dir, 'another'],
  ];
  for (const words of table) {
    const run = await argusKeys(...words);
    assert.match(String(run.code), /^commander\./, words.join(' '));
  }
  assert.is(await stat(dir).catch(() => null), null);
});

command('aead names all providers, the used one, measured times and the self-test', async () => {
  const { selfTest, provider, reason, suites } = JSON.parse((await argusKeys('aead', '--json')).stdout);
  assert.equal([selfTest, provider, reason], ['passed', 'in-place', null]);
  assert.equal(
    suites.map((each: { suite: string; provider: string; used: boolean }) => [each.suite, each.provider, each.used]),
    [
      ...['A256GCM', 'C20P'].flatMap((suite) => [
        [suite, 'in-place', true],
        [suite, 'node', false],
        [suite, 'noble', false],
      ]),
      ['A256GCMSIV', 'noble', true],
    ],
  );
  for (const each of suites) for (const time of each.sealMicroseconds) assert.ok(time > 0);
  assert.match((await argusKeys('aead')).stdout, 'self-test passed');
});

/** An authority with two domains and a broker. `control` is the broker's control socket. */
async function makeHost(): Promise<{
  authority: string;
  policy: string;
  control: string;
  close: () => Promise<void>;
}> {
  const base = temporaryDirectory();
  const authority = await createAuthority(join(base, 'authority'), 'unsealed');
  const holders = [
    ['argus', 'broker'],
    ['chrome-vm', 'domain'],
    ['audio-vm', 'domain'],
  ] as const;
  for (const [name, role] of holders)
    await issueIdentity(authority, join(base, name), { name, role, ttlSeconds: 3600 }, 'unsealed');
  await copyShippedPolicy(join(base, 'policy'));
  const broker = await startBroker({
    identity: join(base, 'argus'),
    policy: join(base, 'policy'),
    audit: join(base, 'audit'),
    runtime: join(base, 'run'),
    watchPolicy: false,
    log: { level: 'silent' },
  });
  return {
    authority: join(base, 'authority'),
    policy: join(base, 'policy'),
    control: broker.control,
    close: () => broker.close(),
  };
}

command('revoke gives the list to a broker, list and audit show what is so', async () => {
  const host = await makeHost();
  const at = ['--authority', host.authority];
  try {
    const revoked = await argusKeys('revoke', 'chrome-vm', ...at, '--reason', 'stolen', '--control', host.control);
    assert.is(revoked.code, null);
    assert.match(revoked.stdout, 'list 1 has 1 entries');
    assert.match(revoked.stdout, `in force at ${host.control}: 0 sessions ended`);
    const vm = join(host.authority, '../chrome-vm');
    assert.match((await argusKeys('show', vm)).stdout, 'usable      yes', 'its directory has no list');
    assert.match(
      (await argusKeys('show', vm, '--control', host.control)).stdout,
      'usable      no: the broker refuses this key (REVOKED): it is on the revocation list ("stolen")',
    );
    assert.is(process.exitCode, 1);
    process.exitCode = 0;
    const listed = await argusKeys('list', ...at);
    assert.match(listed.stdout, 'audio-vm');
    assert.not.match(listed.stdout, 'chrome-vm');
    assert.match((await argusKeys('list', ...at, '--all')).stdout, 'revoked: stolen');
    const { keys } = JSON.parse((await argusKeys('list', ...at, '--expiring', '2h', '--json')).stdout);
    assert.equal(keys.map((key: { name: string }) => key.name).sort(), ['argus', 'audio-vm']);

    const audited = JSON.parse((await argusKeys('audit', ...at, '--control', host.control, '--json')).stdout);
    assert.is(process.exitCode, 1);
    assert.equal(
      audited.findings.map((each: { code: string; subject: string }) => `${each.code} ${each.subject}`).sort(),
      ['EXPIRES_SOON broker argus', 'EXPIRES_SOON domain audio-vm', 'NEVER_USED domain audio-vm'],
    );
    await argusKeys('revoke', 'audio-vm', ...at, '--reason', 'mislaid', '--until', '2099-01-31');
    assert.match((await argusKeys('audit', ...at, '--control', host.control)).stdout, 'LIST_STALE');
    const published = await argusKeys('publish', ...at, '--control', host.control);
    assert.match(published.stdout, 'in force at');
    assert.not.match((await argusKeys('audit', ...at, '--control', host.control)).stdout, 'LIST_STALE');
  } finally {
    process.exitCode = 0;
    await host.close();
  }
});

withOpenssl(command, 'revoke removes the NATS user as well, and says so when there is none', async () => {
  const host = await makeHost();
  const nats = join(temporaryDirectory(), 'nats');
  const at = ['--authority', host.authority, '--reason', 'stolen', '--nats', nats];
  const server = new NatsServerDirectory(nats, 'unsealed');
  try {
    const setup = { listen: '127.0.0.1:4222', hosts: ['127.0.0.1'], policy: host.policy, broker: 'argus' };
    await server.write(setup, [], Date.now());
    for (const name of ['chrome-vm', 'audio-vm'])
      await server.enrol('domains', name, (await makeNkey(temporaryDirectory(), 'unsealed')).publicKey);
    const revoked = await argusKeys('revoke', 'chrome-vm', ...at, '--control', host.control);
    assert.match(revoked.stdout, 'removed the user chrome-vm');
    const users = JSON.parse(await readFile(join(nats, 'users.json'), 'utf8'));
    assert.equal(Object.keys(users.domains), ['audio-vm']);
    const { nats: again } = JSON.parse((await argusKeys('revoke', 'chrome-vm', ...at, '--json')).stdout);
    assert.equal([again.user, again.isRemoved], ['chrome-vm', false]);
    const nowhere = await argusKeys('revoke', 'audio-vm', ...at, '--nats', `${nats}.not`, '--control', host.control);
    assert.is(nowhere.code, 'ERR_NATS_FILE');
    const { body } = await callControl(host.control, 'GET', '/v1/keys');
    assert.is((body as { revocationSerial: number }).revocationSerial, 3, 'the broker has the list all the same');
  } finally {
    await host.close();
  }
});

command('show --control decides about older and second keys as the broker does', async () => {
  const authority = await createAuthority(join(temporaryDirectory(), 'authority'), 'unsealed');
  const terms = { name: 'chrome-vm', role: 'domain', ttlSeconds: 60 } as const;
  const { credential } = await issueIdentity(authority, join(temporaryDirectory(), 'vm'), terms, 'unsealed');
  const { list } = await authority.revocations();
  const newest = { holder: 'domain/chrome-vm', generation: credential.generation, thumbprint: credential.thumbprint };
  const said = (...holders: (typeof newest)[]): string =>
    refusalIn({ list, holders }, credential, credential.issuedAt)?.message ?? 'accepted';
  assert.is(said(), 'accepted');
  assert.is(said(newest), 'accepted');
  assert.is(said({ ...newest, holder: 'domain/mail-vm', generation: 9 }), 'accepted');
  assert.match(said({ ...newest, generation: credential.generation + 1 }), 'OLD_KEY');
  assert.match(said({ ...newest, thumbprint: 'another' }), 'SECOND_KEY');
});

command('what cannot be revoked or delivered is an error that says what to do', async () => {
  const host = await makeHost();
  const at = ['--authority', host.authority];
  const list = join(host.authority, 'revocations.jws');
  try {
    assert.is((await argusKeys('revoke', 'nobody', ...at, '--reason', 'x')).code, 'ERR_KEY_NAME');
    assert.is((await argusKeys('publish', ...at, '--control', host.control)).code, null, 'nothing was revoked yet');
    assert.is((await argusKeys('publish', '--control', host.control)).code, 'ERR_KEY_REVOCATIONS');
    await argusKeys('revoke', 'chrome-vm', ...at, '--reason', 'x');
    const old = await readFile(list, 'utf8');
    const nowhere = await argusKeys('publish', ...at, '--control', `${host.control}.not`, '--control', host.control);
    assert.is(nowhere.code, 'ERR_BROKER_CONTROL', 'one of two was not reached');
    await argusKeys('revoke', 'audio-vm', ...at, '--reason', 'x', '--control', host.control);
    await writeFile(list, old);
    assert.is((await argusKeys('publish', '--list', list, '--control', host.control)).code, 'ERR_BROKER_CONTROL');
    for (const until of ['soon', '2099-13-01', '2099-01-31 18:00']) {
      const refused = await argusKeys('revoke', 'x', ...at, '--reason', 'x', '--until', until);
      assert.is(refused.code, 'commander.invalidArgument', until);
    }
  } finally {
    await host.close();
  }
});

command('show exits with 1 for what no program could start with', async () => {
  const dir = join(temporaryDirectory(), 'vm');
  await argusKeys('enrol', dir, '--name', 'chrome-vm', '--unsealed');
  process.exitCode = 0;
  await argusKeys('show', dir);
  assert.is(process.exitCode, 1);
  process.exitCode = 0;
  const authority = join(temporaryDirectory(), 'authority');
  await argusKeys('init', authority, '--unsealed');
  await argusKeys('show', authority);
  assert.is(process.exitCode, 0);
});

const SPOILED: readonly (readonly [string, string, (dir: string) => Promise<unknown>])[] = [
  ['a key that others may read', 'ERR_KEY_FILE_MODE', (dir) => chmod(join(dir, 'key.jwk'), 0o640)],
  ['a directory that others may write', 'ERR_KEY_FILE_MODE', (dir) => chmod(dir, 0o770)],
  ['a credential that others may write', 'ERR_KEY_FILE_MODE', (dir) => chmod(join(dir, 'credential.jwt'), 0o666)],
  ['a link in the place of the key', 'ERR_KEY_FILE_SYMLINK', (dir) => linked(join(dir, 'key.jwk'))],
  ['a link in the place of the authority', 'ERR_KEY_FILE_SYMLINK', (dir) => linked(join(dir, 'authority.jwk'))],
  ['half a key', 'ERR_KEY_FILE_CONTENT', (dir) => truncate(join(dir, 'key.jwk'), 60)],
  ['half an authority', 'ERR_KEY_FILE_CONTENT', (dir) => truncate(join(dir, 'authority.jwk'), 30)],
  ['half a credential', 'ERR_KEY_CREDENTIAL_INVALID', (dir) => truncate(join(dir, 'credential.jwt'), 200)],
  ['no key', 'ERR_KEY_FILE_MISSING', (dir) => rm(join(dir, 'key.jwk'))],
  ['a revocation list that was edited', 'ERR_KEY_REVOCATIONS', (dir) => writeFile(join(dir, 'revocations.jws'), 'x')],
  ['no memory of keys', 'ERR_KEY_REVOCATIONS', (dir) => writeFile(join(dir, 'seen.json'), '{', { mode: 0o600 })],
];

async function linked(path: string): Promise<void> {
  await rename(path, `${path}.real`);
  await symlink(`${path}.real`, path);
}

/** The code with which `show` refuses the directory: as an error, or as the problem that it shows. */
async function shownCode(dir: string): Promise<unknown> {
  process.exitCode = 0;
  const { code, stdout } = await argusKeys('show', dir, '--json');
  const exitCode = process.exitCode;
  process.exitCode = 0;
  if (code !== null) return code;
  assert.is(exitCode, 1);
  return JSON.parse(stdout).problem.code;
}

async function brokersDirectory(): Promise<{ readonly dir: string; readonly start: () => Promise<unknown> }> {
  const base = temporaryDirectory();
  const [dir, policy] = [join(base, 'argus'), join(base, 'policy')];
  await issueIdentity(
    await createAuthority(join(base, 'authority'), 'unsealed'),
    dir,
    {
      name: 'argus',
      role: 'broker',
      ttlSeconds: 3600,
    },
    'unsealed',
  );
  await copyShippedPolicy(policy);
  const [audit, runtime] = [join(base, 'audit'), join(base, 'run')];
  const start = () =>
    startBroker({ identity: dir, policy, audit, runtime, watchPolicy: false, log: { level: 'silent' } });
  return { dir, start };
}

for (const [label, code, spoil] of SPOILED)
  command(`show refuses what the broker refuses: ${label}`, async () => {
    const { dir, start } = await brokersDirectory();
    await spoil(dir);
    assert.is(await codeOf(start), code);
    assert.is(await shownCode(dir), code);
  });

for (const file of ['.', 'key.jwk', 'authority.jwk', 'credential.jwt'])
  command(`show refuses what the broker refuses: another user’s ${file}`, async () => {
    const { dir, start } = await brokersDirectory();
    await asForeign([join(dir, file)], async () => {
      assert.is(await codeOf(start), 'ERR_KEY_FILE_OWNER');
      assert.is(await shownCode(dir), 'ERR_KEY_FILE_OWNER');
    });
  });

command('each command explains itself with an example', async () => {
  for (const name of keysCommand().commands.map((each) => each.name())) {
    const { stdout } = await argusKeys(name, '--help');
    assert.match(stdout, `argus keys ${name}`, name);
    assert.match(stdout, 'Example', name);
  }
});

command.run();
