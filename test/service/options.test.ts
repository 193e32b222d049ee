import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BrokerError, type BrokerOptions, readOptions } from '../../broker/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const options = suite('broker options');

const LOG = 'identity: keys\npolicy: policy\naudit: { directory: log,';
const LEAST = 'identity: keys\npolicy: policy\naudit: audit\n';

function read(text: string): { readonly directory: string; readonly options: BrokerOptions } {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'argus.yaml'), text);
  return { directory, options: readOptions(join(directory, 'argus.yaml')) };
}

function refusalOf(text: string): string {
  try {
    read(text);
    return 'none';
  } catch (error) {
    assert.instance(error, BrokerError);
    return error instanceof BrokerError ? `${error.code} ${error.message}` : '';
  }
}

options('paths are relative to the file, absolute ones stay', () => {
  const { directory, options: read1 } = read(`${LEAST}runtime: /run/elsewhere\n`);
  assert.is(read1.identity, join(directory, 'keys'));
  assert.is(read1.runtime, '/run/elsewhere');
});

options('what is kept of the audit log is understood, and a path alone keeps all', () => {
  const none = { keepMs: null, totalBytes: null, warnAt: null, rotateMs: null, compress: false };
  const { directory, options: plain } = read(LEAST);
  assert.equal([plain.audit, plain.retention], [join(directory, 'audit'), none]);
  const { options: kept } = read(`${LOG} keep: 90d, total: 20GiB, warnAt: 80%, rotate: 12h, compress: true }\n`);
  const hour = 3_600_000;
  assert.equal(kept.retention, {
    keepMs: 90 * 24 * hour,
    totalBytes: 20 * 2 ** 30,
    warnAt: 0.8,
    rotateMs: 12 * hour,
    compress: true,
  });
});

const ADDRESSES: readonly (readonly [text: string, host: string, port: number])[] = [
  ['127.0.0.1:7100', '127.0.0.1', 7_100],
  ['"[::1]:0"', '::1', 0],
  ['localhost:65535', 'localhost', 65_535],
];
for (const [text, host, port] of ADDRESSES) {
  options(`an address ${text} is understood`, () =>
    assert.equal(read(`${LEAST}tcp: ${text}\n`).options.tcp, { host, port }),
  );
}

const KEY = 'k'.repeat(43);
const SIGNED = 'identity: k\naudit: a\npolicy: { directory: p,';

options('signed policies name their keys', () => {
  const { options: read1 } = read(`${SIGNED} source: signed, keys: [${KEY}] }\n`);
  assert.equal([read1.policy.source, read1.policy.keys, read1.policy.assertionKeys], ['signed', [KEY], []]);
});

const WRONG: readonly (readonly [what: string, text: string, mentions: string])[] = [
  ['an empty file', '', 'identity'],
  ['a list', '- identity\n', 'expected keys with values'],
  ['a missing key', 'identity: k\npolicy: p\n', '"audit"'],
  ['two unknown keys', `${LEAST}a: 1\nb: 2\n`, '"a", "b"'],
  ['a key of the prototype', `${LEAST}__proto__: 1\n`, '__proto__'],
  ['a number where a path belongs', 'identity: 1\npolicy: p\naudit: a\n', '"identity"'],
  ['signed policies without a key', `${SIGNED} source: signed }\n`, '"policy.keys": expected'],
  ['policies from NATS without a server', `${SIGNED} source: nats, keys: [${KEY}] }\n`, 'the address of the server'],
  ['policies from NATS without a key', `${SIGNED} source: nats }\nnats: nats://h\n`, '"policy.keys": expected'],
  ['a key that is no thumbprint', `${SIGNED} source: signed, keys: [alice] }\n`, 'thumbprint'],
  ['keys of policies that are not signed', `${SIGNED} keys: [${KEY}] }\n`, 'source: signed'],
  ['a second person without a first', `${SIGNED} assertionKeys: [${KEY}] }\n`, 'source: signed'],
  [
    'one person in both lists',
    `${SIGNED} source: signed, keys: [${KEY}], assertionKeys: [${KEY}] }\n`,
    'one person could sign both',
  ],
  ['an empty path', 'identity: ""\npolicy: p\naudit: a\n', '"identity"'],
  ['a port beyond the last', `${LEAST}tcp: "127.0.0.1:65536"\n`, '65535'],
  ['an unknown suite', `${LEAST}suites: [A128GCM]\n`, 'suites'],
  ['no suite', `${LEAST}suites: []\n`, 'suites'],
  ['an unknown provider', `${LEAST}aead: webcrypto\n`, 'aead'],
  ['an unknown level', `${LEAST}log: { level: loud }\n`, 'log.level'],
  ['a ring quota below the least ring', `${LEAST}limits: { ringBytesPerDomain: 47 }\n`, '48'],
  ['a ring quota that is no integer', `${LEAST}limits: { ringBytesPerDomain: 48.5 }\n`, 'ringBytesPerDomain'],
  ['a time that is not one', `${LOG} keep: 90 }\n`, '"audit.keep"'],
  ['a size without a unit', `${LOG} total: 20G }\n`, '"audit.total": expected MiB'],
  ['a total below two segments', `${LOG} total: 127MiB }\n`, '128MiB'],
  ['a part above the whole', `${LOG} warnAt: 101% }\n`, '"audit.warnAt"'],
  ['a quorum of more witnesses than there are', `${LOG} quorum: 1 }\n`, 'audit.quorum: 1 of 0 witnesses'],
  ['an unknown key of the log', `${LOG} keeep: 90d }\n`, '"audit": unknown key "keeep", did you mean "keep"?'],
  ['a log without a directory', 'identity: k\npolicy: p\naudit: { keep: 90d }\n', '"audit.directory"'],
  ['an alias bomb', `a: &a [1,1]\n${'b: &b [*a,*a]\n'.repeat(1)}c: [${'*b,'.repeat(2_000)}]\n`, 'argus.yaml'],
];
for (const [what, text, mentions] of WRONG) {
  options(`${what} is refused by name`, () => {
    const refusal = refusalOf(text);
    assert.match(refusal, /^ERR_BROKER_CONFIG /);
    assert.match(refusal, mentions);
  });
}

options.run();
