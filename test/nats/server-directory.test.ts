/** The configuration of the NATS server: who is let in, what each may do, and that nothing is open by omission. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeNkey, NATS_ERROR_CODES, NatsCarrierError, NatsServerDirectory } from '../../broker/carrier/index.ts';
import { parseNatsAddress } from '../../broker/carrier/nats/address.ts';
import { readSeed } from '../../broker/carrier/nats/line/nkey.ts';
import { needs } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const withOpenssl = needs('openssl', 'openssl');
const SETUP = { listen: '127.0.0.1:4222', hosts: ['127.0.0.1', 'nats.test'], policy: '/policy', broker: 'host' };
const MEMBERS = [
  { name: 'a', broker: 'host' },
  { name: 'b', broker: 'other' },
];

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof NatsCarrierError ? error.code : String(error)),
  );
}

async function nkeyOf(directory: string): Promise<string> {
  return (await makeNkey(directory, 'unsealed')).publicKey;
}

const directory = suite('nats server directory');

withOpenssl(directory, 'each user has both lists; the default denies all; there is no user without a key', async () => {
  const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
  const keys = await Promise.all([1, 2, 3, 4].map(() => nkeyOf(temporaryDirectory())));
  const [host = '', other = '', a = '', b = ''] = keys;
  await server.enrol('brokers', 'host', host);
  await server.enrol('brokers', 'other', other);
  await server.enrol('domains', 'a', a);
  await server.enrol('domains', 'b', b);
  await server.write(SETUP, MEMBERS, Date.now());
  const text = readFileSync(server.configFile, 'utf8');
  assert.is(statSync(server.configFile).mode & 0o777, 0o600);
  const users = text.split('\n').filter((line) => line.includes('nkey:'));
  assert.equal(
    users.map((line) => line.trim()),
    [
      user(host, ['argus.host.down.*', 'argus.other.peer-up.host'], ['argus.host.up.*', 'argus.other.peer-down.host']),
      user(
        other,
        ['argus.other.down.*', 'argus.other.peer-down.host'],
        ['argus.other.up.*', 'argus.other.peer-up.host'],
      ),
      user(a, ['argus.host.up.a'], ['argus.host.down.a']),
      user(b, ['argus.other.up.b'], ['argus.other.down.b']),
    ],
  );
  assert.match(text, 'default_permissions = { publish: { deny: ">" }, subscribe: { deny: ">" } }');
  for (const absent of ['no_auth_user:', 'http', 'cluster', 'leafnodes', 'mqtt', 'websocket', 'jetstream', 'password'])
    assert.not.match(text, new RegExp(`^\\s*${absent}`, 'm'), absent);
});

function user(nkey: string, publish: readonly string[], subscribe: readonly string[]): string {
  const list = (subjects: readonly string[]): string => `[${subjects.map((subject) => `"${subject}"`).join(', ')}]`;
  return `{ nkey: ${nkey}, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } } }`;
}

directory('an admin is let in only where policies travel over the server, and its nkey is nobody else’s', async () => {
  const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
  const [alice, host] = [await nkeyOf(temporaryDirectory()), await nkeyOf(temporaryDirectory())];
  await server.enrol('brokers', 'host', host);
  await server.enrol('admins', 'alice', alice);
  assert.is(await codeOf(server.enrol('admins', 'host', host)), 'ERR_NATS_USER', 'of one name, and another role');
  const users = async (bundles: boolean): Promise<string> => {
    await server.write({ ...SETUP, tls: false, bundles }, MEMBERS, Date.now());
    return readFileSync(server.configFile, 'utf8');
  };
  assert.not.match(await users(false), alice);
  const text = await users(true);
  assert.match(text, alice);
  assert.match(text, /^jetstream {/m);
  assert.not.match(text, 'STREAM.DELETE');
  await server.revoke('alice');
  assert.not.match(await users(true), alice);
});

withOpenssl(directory, 'only who is declared and enrolled is let in; the rest is named', async () => {
  const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
  await server.enrol('domains', 'a', await nkeyOf(temporaryDirectory()));
  await server.enrol('domains', 'stranger', await nkeyOf(temporaryDirectory()));
  const written = await server.write(SETUP, MEMBERS, Date.now());
  assert.equal(written, { users: 1, notEnrolled: ['b'], notDeclared: ['stranger'], reloaded: false });
  await server.revoke('a');
  assert.is((await server.write(await server.setup(), MEMBERS, Date.now())).users, 0);
  assert.is(await codeOf(server.revoke('a')), 'ERR_NATS_USER');
  await server.revoke('strangre').catch((error: Error) => assert.match(error.message, 'did you mean "stranger"?'));
});

withOpenssl(
  directory,
  'certificates are kept while they are good, and made again for other hosts or near their end',
  async () => {
    const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
    const certificate = (): string => readFileSync(join(server.path, 'server.pem'), 'utf8');
    await server.write(SETUP, [], Date.now());
    const first = certificate();
    await server.write(SETUP, [], Date.now());
    assert.is(certificate(), first);
    await server.write({ ...SETUP, hosts: ['10.0.0.1'] }, [], Date.now());
    const second = certificate();
    assert.is.not(second, first);
    await server.write({ ...SETUP, hosts: ['10.0.0.1'] }, [], Date.now() + 300 * 86_400_000);
    assert.is.not(certificate(), second);
    assert.is(statSync(join(server.path, 'ca-key.pem')).mode & 0o077, 0);
  },
);

directory('one nkey is one end’s; a typing error in it is found by its checksum', async () => {
  const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
  const nkey = await nkeyOf(temporaryDirectory());
  await server.enrol('domains', 'a', nkey);
  assert.is(await codeOf(server.enrol('domains', 'b', nkey)), 'ERR_NATS_USER');
  const mistyped = `${nkey.slice(0, -1)}${nkey.endsWith('A') ? 'B' : 'A'}`;
  assert.is(await codeOf(server.enrol('domains', 'c', mistyped)), 'ERR_NATS_USER');
  assert.is(await codeOf(server.enrol('domains', 'a.>', nkey)), 'ERR_NATS_USER');
});

directory('a seed is made once, is private, and is not read when others could', async () => {
  const at = temporaryDirectory();
  const { publicKey } = await makeNkey(at, 'unsealed');
  assert.equal(await makeNkey(at, 'unsealed'), { publicKey, created: false });
  const seed = join(at, 'nats.seed');
  assert.is(statSync(seed).mode & 0o777, 0o600);
  chmodSync(seed, 0o640);
  assert.is(await codeOf(readSeed(seed)), 'ERR_NATS_FILE');
  writeFileSync(seed, 'SUAB', { mode: 0o600 });
  chmodSync(seed, 0o600);
  assert.is(await codeOf(readSeed(seed)), 'ERR_NATS_FILE');
});

directory('without TLS it listens on loopback and private addresses, and nowhere else', async () => {
  const server = new NatsServerDirectory(join(temporaryDirectory(), 'nats'), 'unsealed');
  for (const listen of [
    '127.0.0.1:1',
    'localhost:1',
    '10.9.8.7:1',
    '172.31.0.1:1',
    '192.168.1.1:1',
    '[fd00::1]:1',
    '[::1]:1',
  ]) {
    await server.write({ ...SETUP, listen, tls: false }, [], Date.now());
    assert.not.match(readFileSync(server.configFile, 'utf8'), /^tls/m, listen);
  }
  for (const listen of ['0.0.0.0:1', '[::]:1', '172.32.0.1:1', '8.8.8.8:1', 'nats.example:1', '[2001:db8::1]:1'])
    assert.is(await codeOf(server.write({ ...SETUP, listen, tls: false }, [], Date.now())), 'ERR_NATS_TLS', listen);
});

directory('an address is host, port, broker and the files of this end; all else is refused', () => {
  const plain = { host: '10.0.0.1', tcpPort: 4222, broker: 'host', seed: null, ca: null, tls: true };
  assert.equal(parseNatsAddress('nats://10.0.0.1/host'), plain);
  assert.equal(parseNatsAddress('nats://[::1]:4333'), { ...plain, host: '::1', tcpPort: 4333, broker: null });
  assert.equal(parseNatsAddress('nats://10.0.0.1/host?seed=/s&ca=/c'), { ...plain, seed: '/s', ca: '/c' });
  assert.equal(parseNatsAddress('nats://10.0.0.1/host?tls=off'), { ...plain, tls: false });
  assert.equal(parseNatsAddress('nats://10.0.0.1/host?tls=on'), plain);
  const bad = [
    'nats://h/b?tls=maybe',
    'nats:',
    'nats://',
    'tls://h/b',
    'nats://u:p@h/b',
    'nats://h/b/c',
    'nats://h/B',
    'nats://h/b?x=1',
    'nats://h/*',
  ];
  for (const spec of bad) {
    try {
      parseNatsAddress(spec);
      assert.unreachable(spec);
    } catch (error) {
      assert.is((error as { code?: string }).code, 'ERR_NATS_ADDRESS', spec);
    }
  }
});

directory('every code is explained in docs/nats.md', () => {
  const text = readFileSync(new URL('../../docs/nats.md', import.meta.url), 'utf8');
  for (const code of NATS_ERROR_CODES) assert.match(text, code);
  assert.equal([...new Set(text.match(/ERR_NATS_[A-Z]+/g))].sort(), [...NATS_ERROR_CODES].sort());
});

directory.run();
