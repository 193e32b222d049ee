/**
 * Bad input as an operator sees it: one message that says what to do, a stable code, a non-zero exit, and no existing
 * file is changed.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeWav } from '../../clients/demo/audio/wav.ts';
import { createAuthority } from '../../keys/index.ts';
import { type Installation, OPEN_ROWS, withInstallation } from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const bad = suite('bad input');

/** Prepares a situation. Returns the command to run, if it is not `argus broker --config`. */
type Arrange = (installation: Installation) => unknown;

const DAY_MS = 86_400_000;

async function occupied(installation: Installation): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await installation.configure({ tcp: `127.0.0.1:${address.port}` });
  return { server, port: address.port };
}

/** Issues the identity of the broker again, at another time. */
async function brokerAt(installation: Installation, now: number): Promise<void> {
  await installation.issue('broker', 'broker', { name: 'argus', now, ttlSeconds: 3_600 });
}

const SITUATIONS: readonly (readonly [
  situation: string,
  code: string,
  mentions: readonly (string | RegExp)[],
  arrange: Arrange,
])[] = [
  // argus.yaml
  [
    'a configuration file that is not there',
    'ERR_BROKER_CONFIG_FILE',
    ['argus.yaml', 'docs/broker.md'],
    (installation) => rmSync(installation.config),
  ],
  [
    'a directory in its place',
    'ERR_BROKER_CONFIG_FILE',
    ['cannot read'],
    (installation) => ['broker', '--config', installation.directory],
  ],
  [
    'a key that is no option',
    'ERR_BROKER_CONFIG',
    ['argus.yaml', 'unknown key "polciy"'],
    (installation) => installation.configure({ polciy: 'x' }),
  ],
  [
    'a key of a section that is no option',
    'ERR_BROKER_CONFIG',
    ['unknown key "ringBytes"', 'limits'],
    (installation) => installation.configure({ limits: { ringBytes: 1 } }),
  ],
  [
    'a value out of range',
    'ERR_BROKER_CONFIG',
    ['limits.ringBytesPerDomain', '48'],
    (installation) => installation.configure({ limits: { ringBytesPerDomain: 1 } }),
  ],
  [
    'an address that is none',
    'ERR_BROKER_CONFIG',
    ['"tcp"', 'host:port'],
    (installation) => installation.configure({ tcp: 'everywhere' }),
  ],
  [
    'YAML that is none',
    'ERR_BROKER_CONFIG',
    [/argus\.yaml:3:\d+: /],
    (installation) => writeFileSync(installation.config, 'identity: keys\npolicy: [one, two\naudit: x\n'),
  ],
  [
    'a key given twice',
    'ERR_BROKER_CONFIG',
    ['stands twice', /argus\.yaml:2:\d+: /],
    (installation) => writeFileSync(installation.config, 'identity: a\nidentity: b\n'),
  ],
  // the broker's identity
  [
    'an identity that is not there',
    'ERR_KEY_FILE_MISSING',
    ['argus keys enrol'],
    (installation) => installation.configure({ identity: join(installation.directory, 'nowhere') }),
  ],
  [
    'a private key that others may read',
    'ERR_KEY_FILE_MODE',
    ['key.jwk', 'chmod'],
    (installation) => chmodSync(join(installation.identityOf('broker'), 'key.jwk'), 0o644),
  ],
  [
    'the identity of a domain',
    'ERR_BROKER_IDENTITY',
    ['domain', '--role broker'],
    (installation) => installation.configure({ identity: installation.identityOf('chrome-vm') }),
  ],
  [
    'an expired credential',
    'ERR_KEY_CREDENTIAL_EXPIRED',
    ['expired on', 'argus keys issue'],
    (installation) => brokerAt(installation, Date.now() - DAY_MS),
  ],
  [
    'a credential from a clock that is ahead',
    'ERR_KEY_CREDENTIAL_NOT_YET_VALID',
    ['valid only from', 'date -u'],
    (installation) => brokerAt(installation, Date.now() + DAY_MS),
  ],
  [
    'a credential of a foreign authority',
    'ERR_KEY_CREDENTIAL_FOREIGN',
    ['not signed by'],
    async (installation) => {
      const foreign = join(temporaryDirectory(), 'authority');
      await createAuthority(foreign, 'unsealed');
      writeFileSync(
        join(installation.identityOf('broker'), 'authority.jwk'),
        readFileSync(join(foreign, 'authority.pub.jwk')),
      );
    },
  ],
  // policy
  [
    'a policy directory that is not there',
    'ERR_POLICY_DIRECTORY',
    ['argus policy init'],
    (installation) => installation.configure({ policy: join(installation.directory, 'nowhere') }),
  ],
  [
    'a policy directory that others may write',
    'ERR_POLICY_DIRECTORY',
    ['chmod go-w'],
    (installation) => chmodSync(installation.policy, 0o777),
  ],
  [
    'a policy directory without one of its files',
    'ERR_POLICY_FILE',
    ['services.yaml'],
    (installation) => rmSync(join(installation.policy, 'services.yaml')),
  ],
  [
    'a policy with an error',
    'ERR_POLICY_EFFECT',
    [/policy\.csv:5:\d+/, 'dney'],
    (installation) => installation.writeRows([...OPEN_ROWS, 'p, chrome-vm, mail-vm, data, send, dney']),
  ],
  // the host
  [
    'an audit directory that a running broker writes',
    'ERR_AUDIT_LOCKED',
    [`process ${process.pid}`],
    async (installation) => {
      await installation.broker({ runtime: join(installation.directory, 'other') });
    },
  ],
  [
    'an audit log whose end is no record',
    'ERR_AUDIT_CORRUPT',
    ['segment 1', 'argus audit verify'],
    async (installation) => {
      await (await installation.broker()).close();
      const [segment = ''] = readdirSync(installation.audit).filter((name) => name.endsWith('.jsonl'));
      writeFileSync(join(installation.audit, segment), 'not a record\n', { flag: 'a' });
    },
  ],
  [
    'a runtime directory in which another broker runs',
    'ERR_BROKER_SOCKET_BUSY',
    ['another broker', 'stop it first'],
    async (installation) => {
      await installation.broker({ audit: join(installation.directory, 'other') });
    },
  ],
  [
    'a runtime directory that others may write',
    'ERR_BROKER_SOCKET_PATH',
    ['chmod go-w'],
    (installation) => {
      mkdirSync(installation.runtime);
      chmodSync(installation.runtime, 0o777);
    },
  ],
  [
    'a runtime directory whose path is too long for sockets',
    'ERR_BROKER_SOCKET_PATH',
    ['103 bytes', 'shorter'],
    (installation) => installation.configure({ runtime: join(installation.directory, 'r'.repeat(100)) }),
  ],
  [
    "a file where a domain's socket belongs",
    'ERR_BROKER_SOCKET_PATH',
    ['chrome-vm.sock', 'move it away'],
    (installation) => {
      mkdirSync(installation.runtime, { mode: 0o700 });
      writeFileSync(join(installation.runtime, 'chrome-vm.sock'), 'mine');
    },
  ],
  [
    'a file where the control socket belongs',
    'ERR_BROKER_SOCKET_PATH',
    ['control.sock', 'move it away'],
    (installation) => {
      mkdirSync(installation.runtime, { mode: 0o700 });
      writeFileSync(installation.control, 'mine');
    },
  ],
  [
    'a domain whose socket would be the control socket',
    'ERR_BROKER_SOCKET_PATH',
    ['"control"', 'another name'],
    (installation) => installation.writeDomains({ control: [] }),
  ],
  [
    'a TCP port that is in use',
    'ERR_BROKER_LISTEN',
    ['127.0.0.1', 'something else listens there'],
    async (installation) => {
      await occupied(installation);
    },
  ],
  [
    'a metrics port that is in use',
    'ERR_BROKER_LISTEN',
    ['127.0.0.1', 'something else listens there'],
    async (installation) => {
      const { port } = await occupied(installation);
      await installation.configure({ metrics: `127.0.0.1:${port}` });
    },
  ],
  // other commands
  [
    'status with no broker',
    'ERR_BROKER_NOT_RUNNING',
    ['start the broker', '--control'],
    (installation) => ['status', '--control', installation.control],
  ],
  [
    'reload with no broker',
    'ERR_BROKER_NOT_RUNNING',
    ['start the broker'],
    (installation) => ['reload', '--control', installation.control],
  ],
  [
    'an audit directory that is not there, to verify',
    'ERR_AUDIT_DIRECTORY',
    ['nowhere'],
    (installation) => ['audit', 'verify', join(installation.directory, 'nowhere')],
  ],
  [
    'a file that is not there, to compare with a record',
    'ENOENT',
    ['/nowhere": there is no such file or directory'],
    async (installation) => {
      await (await installation.broker()).close();
      return ['audit', 'verify-payload', installation.audit, '1', join(installation.directory, 'nowhere')];
    },
  ],
  [
    'an authority that exists already',
    'ERR_KEY_EXISTS',
    ['never overwritten'],
    async (installation) => {
      await createAuthority(join(installation.directory, 'authority'), 'unsealed');
      return ['keys', 'init', join(installation.directory, 'authority')];
    },
  ],
  [
    'a shipped policy where there is one already',
    'ERR_POLICY_EXISTS',
    ['nothing was written'],
    (installation) => ['policy', 'init', installation.policy],
  ],
];

function isCommandLine(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}

/** Every file with its mode and content. A refused command must not change them. */
function snapshot(directory: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = lstatSync(path);
    const content = entry.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    entries.set(path, `${mode.toString(8)} ${content}`);
  }
  return entries;
}

for (const [situation, code, mentions, arrange] of SITUATIONS) {
  bad(`${situation}: ${code}, exit 1, and nothing is touched`, () =>
    withInstallation({}, async (installation) => {
      const arranged = await arrange(installation);
      const line = isCommandLine(arranged) ? arranged : ['broker', '--config', installation.config];
      const before = snapshot(installation.directory);
      const run = await runCli(line);
      assert.is(run.code, 1, run.stderr);
      assert.is(run.stdout, '');
      const lines = run.stderr.trimEnd().split('\n');
      const message = lines.filter((each) => !each.startsWith('{')).join('\n');
      assert.match(message, new RegExp(`^argus: [^]*\\(${code}\\)$`));
      for (const mention of mentions) assert.match(message, mention);
      assert.not.match(message, /\n {4}at /);
      const after = snapshot(installation.directory);
      for (const [path, was] of before) {
        // A running broker continues to write its log.
        if (!path.includes('/other/')) assert.is(after.get(path), was, path);
      }
    }),
  );
}

bad('argus policy check prints every finding with file:line:column and exits 3', () =>
  withInstallation({}, async (installation) => {
    await installation.writeRows([
      'p, chrome-vm, mail-vm, data, send, dney',
      ...OPEN_ROWS,
      'p, nobody, mail-vm, data, send, allow',
    ]);
    const { code, stdout } = await runCli(['policy', 'check', installation.policy]);
    assert.is(code, 3);
    assert.match(stdout, /policy\.csv:1:\d+: .*dney/);
    assert.match(stdout, /policy\.csv:6:\d+: .*nobody/);
    const json = await runCli(['policy', 'check', '--json', installation.policy]);
    assert.is(json.code, 3);
    assert.is(JSON.parse(json.stdout).ok, false);
  }),
);

bad('argus broker --check says that a good configuration is good, and starts nothing', () =>
  withInstallation({}, async (installation) => {
    const { code, stdout } = await runCli(['broker', '--check', '--config', installation.config]);
    assert.is(code, 0);
    assert.match(stdout, `${installation.config}: good\n`);
    assert.not(existsSync(installation.runtime));
  }),
);

/** A WAV file whose header has been changed at one place. */
function wavWith(change: (view: DataView) => void): Uint8Array {
  const bytes = writeWav(new Uint8Array(4 * 441));
  change(new DataView(bytes.buffer, bytes.byteOffset));
  return bytes;
}

const WAVS: readonly (readonly [what: string, code: string, mentions: string, bytes: Uint8Array | null])[] = [
  ['a file that is not there', 'ERR_DEMO_FILE', 'cannot read', null],
  ['a file that is no RIFF', 'ERR_DEMO_WAV_NOT_RIFF', 'ffmpeg', Buffer.from('ID3 this is an MP3')],
  ['48 kHz', 'ERR_DEMO_WAV_RATE', '48000 Hz', wavWith((view) => view.setUint32(24, 48_000, true))],
  ['one channel', 'ERR_DEMO_WAV_CHANNELS', '1 channel', wavWith((view) => view.setUint16(22, 1, true))],
  ['24 bits', 'ERR_DEMO_WAV_BITS', '24 bits', wavWith((view) => view.setUint16(34, 24, true))],
  ['float samples', 'ERR_DEMO_WAV_NOT_PCM', 'IEEE float', wavWith((view) => view.setUint16(20, 3, true))],
];
for (const [what, code, mentions, bytes] of WAVS) {
  bad(`the demo with ${what}: ${code}, exit 1, before anything is started`, async () => {
    const file = join(temporaryDirectory(), 'input.wav');
    if (bytes !== null) writeFileSync(file, bytes);
    const run = await runCli(['--fast', '--json', '--wav', file], { program: 'clients/demo/main.ts' });
    assert.is(run.code, 1);
    assert.is(run.stdout, '');
    assert.match(run.stderr, new RegExp(`^demo: [^\\n]*\\(${code}\\)\\n$`));
    assert.match(run.stderr, mentions);
  });
}

bad.run();
