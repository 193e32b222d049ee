import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCarrier } from '../../clients/sdk/carriers/carrier-spec.ts';
import { CLIENT_ERROR_CODES } from '../../clients/sdk/errors.ts';
import { type ConnectOptions, resolveOptions } from '../../clients/sdk/options.ts';

const test = suite('sdk: options');
const MINIMAL: ConnectOptions = { carrier: 'unix:/run/argus/chrome-vm.sock', identity: '/etc/argus' };
const documentation = readFileSync(new URL('../../docs/sdk.md', import.meta.url), 'utf8');

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return null;
}

test('defaults are filled in and the result is frozen', () => {
  const options = resolveOptions(MINIMAL);
  assert.equal(options, {
    ...MINIMAL,
    broker: null,
    renewal: null,
    reconnect: true,
    suites: ['A256GCM', 'C20P', 'A256GCMSIV'],
    aead: null,
    queueBytes: 8_388_608,
    handshakeTimeoutMs: 10_000,
    silenceLimitMs: 45_000,
    drainTimeoutMs: 5_000,
    signal: null,
  });
  assert.ok(Object.isFrozen(options));
});

test('an option given as undefined has its default', () => {
  const given = { ...MINIMAL, queueBytes: undefined } as unknown as ConnectOptions;
  assert.is(resolveOptions(given).queueBytes, 8_388_608);
});

for (const [label, given] of [
  ['an unknown key', { ...MINIMAL, reconect: true }],
  ['a renewal without a port', { ...MINIMAL, identity: '/id', renewal: { domain: 'authority-vm' } }],
  [
    'a renewal without the directory of an identity',
    { ...MINIMAL, carrier: 'agent:', identity: null, renewal: { domain: 'a', port: 17 } },
  ],
  ['an inherited name as key', { ...MINIMAL, constructor: 1 }],
  ['no carrier', { identity: '/x' }],
  ['no identity', { carrier: 'unix:/x' }],
  ['an identity that cannot sign', { ...MINIMAL, identity: {} }],
  ['queueBytes below 64 KiB', { ...MINIMAL, queueBytes: 65_535 }],
  ['queueBytes above 1 GiB', { ...MINIMAL, queueBytes: 2 ** 30 + 1 }],
  ['a fraction of a byte', { ...MINIMAL, queueBytes: 65_536.5 }],
  ['a handshake without time', { ...MINIMAL, handshakeTimeoutMs: 0 }],
  ['a suite nobody speaks', { ...MINIMAL, suites: ['AES'] }],
  ['no suite', { ...MINIMAL, suites: [] }],
  ['a provider that does not exist', { ...MINIMAL, aead: 'webcrypto' }],
  ['a signal that is none', { ...MINIMAL, signal: {} }],
  ['an empty broker name', { ...MINIMAL, broker: '' }],
  ['reconnect as a word', { ...MINIMAL, reconnect: 'yes' }],
  ['nothing', null],
] as const) {
  test(`${label} is refused`, () => {
    assert.is(
      codeOf(() => resolveOptions(given as unknown as ConnectOptions)),
      'ERR_CLIENT_OPTION',
    );
  });
}

test('an unknown option is named', () => {
  assert.throws(() => resolveOptions({ ...MINIMAL, reconect: true } as ConnectOptions), /"reconect"/);
});

for (const spec of ['unix:/run/a.sock', 'tcp:127.0.0.1:7100', 'tcp:host-1.example:1', 'tcp:[::1]:65535']) {
  test(`carrier "${spec}" is understood`, () => assert.type(parseCarrier(spec), 'function'));
}

for (const spec of [
  '',
  'unix',
  'unix:',
  'unix:relative',
  `unix:/${'x'.repeat(107)}`,
  'unix:/a\0b',
  'tcp:',
  'tcp:host',
  'tcp:host:0',
  'tcp:host:65536',
  'tcp:host:70x',
  'tcp::::1:7100',
  'tcp:a b:1',
  'gopher:x',
  'constructor:x',
  'UNIX:/x',
]) {
  test(`carrier ${JSON.stringify(spec.slice(0, 20))} is refused`, () => {
    assert.is(
      codeOf(() => parseCarrier(spec)),
      'ERR_CLIENT_CARRIER',
    );
  });
}

test('the documentation has every option and every error code, and no other', () => {
  const documented = (pattern: RegExp): string[] =>
    [...new Set([...documentation.matchAll(pattern)].map((match) => match[1] ?? ''))].sort();
  assert.equal(documented(/^\| `(ERR_CLIENT_\w+)` \|/gm), [...CLIENT_ERROR_CODES].sort());
  assert.equal(documented(/^\| `(\w+)` option \|/gm), Object.keys(resolveOptions(MINIMAL)).sort());
});

test.run();
