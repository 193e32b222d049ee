/** No private key lies on the disk in the clear without being told to: each command and program that makes one. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatVerifierKey } from '../../../broker/audit/index.ts';
import { resolveConfig, startAgent } from '../../../clients/agents/guest/index.ts';
import { witnessCommand } from '../../../clients/cli/commands/audit/evidence/witness.ts';
import { argusProgram } from '../../../clients/cli/program.ts';
import { addVm, initHost } from '../../../clients/host/index.ts';
import {
  createAuthority,
  issueIdentity,
  rotateIdentity,
  sealKeyDirectory,
  splitAuthority,
} from '../../../keys/index.ts';
import { signerOf } from '../../audit/fixtures.ts';
import { codeOfRun, runCommand } from '../../policy/run-policy.ts';
import { needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { codeOf } from '../forge.ts';

const keys = suite('new keys');
const PASSPHRASE = 'correct horse battery';
const withOpenssl = needs('openssl', 'openssl');

/** A private JWK, a PEM or the seed of an nkey. */
const IN_THE_CLEAR = /"d":"|PRIVATE KEY-|^SU[A-Z2-7]{20}/m;

/** The files below `directory` that hold a private key in the clear. */
function openKeysIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => IN_THE_CLEAR.test(readFileSync(path, 'utf8')));
}

async function withPassphrase<T>(run: () => Promise<T>): Promise<T> {
  const file = join(temporaryDirectory(), 'passphrase');
  await writeFile(file, `${PASSPHRASE}\n`, { mode: 0o600 });
  process.env.ARGUS_KEY_PASSPHRASE_FILE = file;
  try {
    return await run();
  } finally {
    delete process.env.ARGUS_KEY_PASSPHRASE_FILE;
  }
}

interface Maker {
  readonly command: string;
  /** What it needs before it. */
  readonly prepare?: (directory: string) => Promise<unknown>;
}

/** Each with a directory of its own, `DIR`. */
const MAKERS: readonly Maker[] = [
  { command: 'keys init DIR/authority' },
  { command: 'keys enrol DIR/vm --name chrome-vm' },
  { command: 'keys receive DIR/vm' },
  {
    command: 'keys join DIR/back DIR/shares/share-1-of-2.json DIR/shares/share-2-of-2.json',
    prepare: async (directory) => {
      const other = join(temporaryDirectory(), 'authority');
      await createAuthority(other, 'unsealed');
      await splitAuthority(other, join(directory, 'shares'), { shares: 2, need: 2 }, Date.now());
    },
  },
  { command: 'host init DIR/host' },
  { command: 'nats key DIR/vm', prepare: (directory) => mkdir(join(directory, 'vm')) },
];

for (const { command, prepare } of MAKERS) {
  keys(`argus ${command} makes a key in the clear only if it is told to`, async () => {
    const directory = temporaryDirectory();
    await prepare?.(directory);
    const words = command.replaceAll('DIR', directory).split(' ');
    const run = async (...more: string[]): Promise<string> =>
      codeOfRun(await runCommand(await argusProgram(words[0]), [...words, ...more]));
    assert.is(await run(), 'ERR_KEY_PASSPHRASE');
    assert.equal(openKeysIn(directory), []);
    assert.is(await run('--unsealed'), 'none');
    assert.is.not(openKeysIn(directory).length, 0);
  });
}

keys('a witness with a key of its own makes it only if it is told how it may lie there', async () => {
  const directory = join(temporaryDirectory(), 'witness');
  const log = formatVerifierKey(signerOf('argus').key);
  const words = [directory, '--log', log, '--listen', '127.0.0.1:0'];
  assert.is(codeOfRun(await runCommand(witnessCommand(), words)), 'ERR_KEY_PASSPHRASE');
  assert.equal(openKeysIn(directory), []);
});

keys('a guest makes no key in the clear on its first boot unless its configuration says so', async () => {
  const directory = temporaryDirectory();
  await writeFile(join(directory, 'token'), `${Buffer.alloc(32, 7).toString('base64url')}\n`, { mode: 0o600 });
  const boot = (more: object): Promise<unknown> => {
    const enrol = { name: 'chrome-vm', port: `unix:${directory}/nobody.sock`, token: 'token', ...more };
    const config = resolveConfig({ identity: 'identity', socket: 'agent.sock', enrol }, directory, 'test');
    // Nobody answers: a boot that has its key waits for the host until this signal.
    return codeOf(() => startAgent(config, () => {}, AbortSignal.abort()));
  };
  assert.is(await boot({}), 'ERR_KEY_PASSPHRASE');
  assert.equal(openKeysIn(directory), []);
  assert.is.not(await boot({ unsealed: true }), 'ERR_KEY_PASSPHRASE');
  assert.equal(openKeysIn(directory), [join(directory, 'identity/key.jwk')]);
});

keys('the key of a machine lies as the authority of its host does', async () => {
  const host = join(temporaryDirectory(), 'host');
  await initHost(host, 'argus', 'unsealed');
  await addVm(host, { name: 'files-vm', labels: ['@app'] });
  const vms = join(host, 'vms');
  assert.equal(openKeysIn(vms), [join(vms, 'files-vm/identity/key.jwk')]);
  await sealKeyDirectory(join(host, 'authority'), PASSPHRASE);
  const inventory = readFileSync(join(host, 'policy/domains.yaml'), 'utf8');
  const add = (): Promise<unknown> => addVm(host, { name: 'work-vm', labels: ['@app'] });
  assert.is(await codeOf(add), 'ERR_KEY_SEALED');
  assert.is(readFileSync(join(host, 'policy/domains.yaml'), 'utf8'), inventory, 'no row without a key');
  await withPassphrase(add);
  assert.is(openKeysIn(vms).length, 1);
});

keys('a rotated key lies as the old one did', async () => {
  const directory = temporaryDirectory();
  const vm = join(directory, 'vm');
  const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
  await issueIdentity(authority, vm, { name: 'chrome-vm', role: 'domain', ttlSeconds: 3_600 }, 'unsealed');
  const terms = { ttlSeconds: 3_600, overlapSeconds: 60 };
  await rotateIdentity(authority, vm, terms);
  assert.equal(openKeysIn(vm), [join(vm, 'key.jwk')]);
  await sealKeyDirectory(vm, PASSPHRASE);
  assert.is(await codeOf(() => rotateIdentity(authority, vm, terms)), 'ERR_KEY_PASSPHRASE');
  assert.equal(openKeysIn(vm), []);
});

withOpenssl(keys, 'a cluster and the TLS keys of its server are made only if it is told to', async () => {
  const directory = temporaryDirectory();
  const at = join(directory, 'cluster');
  const run = async (...words: string[]): Promise<string> =>
    codeOfRun(await runCommand(await argusProgram(words[0]), words));
  const init = ['cluster', 'init', at, '--home', 'one=audio-vm'];
  assert.is(await run(...init), 'ERR_KEY_PASSPHRASE');
  assert.equal(openKeysIn(directory), []);
  const server = ['nats', 'config', join(directory, 'nats'), '--listen', '127.0.0.1:4222', '--broker', 'one'];
  assert.is(await run(...init, '--unsealed'), 'none');
  const config = [...server, '--policy', join(at, 'policy')];
  assert.is(await run(...config), 'ERR_NATS_UNSEALED');
  assert.equal(openKeysIn(join(directory, 'nats')), []);
  assert.is(await run(...config, '--unsealed'), 'none');
  assert.is(openKeysIn(join(directory, 'nats')).length, 2);
  assert.is(
    await run(...config, '--host', 'other.example'),
    'none',
    'a certificate that is renewed was asked for before',
  );
});

/** What makes a private key that outlives the process, and what it passes that key to. */
const SOURCES: readonly (readonly [file: string, makes: RegExp, stores: RegExp])[] = [
  ['broker/audit/witness/open.ts', /generateKeyPairSync\('ed25519'\)/, /await seal\(/],
  ['broker/carrier/nats/admin/certificates.ts', /'-newkey'/, /requireSaid\(/],
  ['broker/carrier/nats/line/nkey.ts', /createUser\(\)/, /await storedForm\(/],
  ['keys/files/at-rest/migration.ts', /makeTransferKey\(\)/, /await storedForm\(/],
  ['keys/files/authority.ts', /generatePrivateJwk\(\)/, /await storedForm\(/],
  ['keys/files/enrolment.ts', /generatePrivateJwk\(\)/, /await storedForm\(/],
  ['keys/files/rotation/authority-rotation.ts', /generatePrivateJwk\(\)/, /await storedForm\(/],
  ['keys/files/rotation/identity-rotation.ts', /generatePrivateJwk\(\)/, /await storedForm\(/],
];
/** Make keys for others, or keys that are never written: the two functions above, and a session's. */
const MAKE_FOR_OTHERS = ['keys/credential/signing-key.ts', 'keys/schedule/ephemeral.ts', 'keys/sealed/transfer.ts'];

keys('nothing else in the sources makes a private key', () => {
  const root = new URL('../../../', import.meta.url).pathname;
  const making = /generateKeyPair(Sync)?\(|generatePrivateJwk\(\)|makeTransferKey\(\)|createUser\(\)|'-newkey'/;
  const found = ['broker', 'clients', 'keys', 'policy'].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`)
      .filter((name) => making.test(readFileSync(join(root, name), 'utf8'))),
  );
  assert.equal(found.sort(), [...SOURCES.map(([file]) => file), ...MAKE_FOR_OTHERS].sort());
  for (const [file, makes, stores] of SOURCES) {
    const text = readFileSync(join(root, file), 'utf8');
    assert.match(text, makes, file);
    assert.match(text, stores, file);
  }
});

keys.run();
