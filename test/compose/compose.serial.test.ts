/** docker-compose.yml: what it says is sound, and the same topology as plain processes carries a stream. */
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, SERVER_ENVIRONMENT } from '../../broker/index.ts';
import { freeTcpPort } from '../support/nats/installation.ts';
import { findBinary, needs, needsThat } from '../support/needs.ts';
import { CLI, nodeArguments } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { COMPOSE_PATH, faultsOf, readComposeFile, startOrder } from './compose-file.ts';
import { Processes } from './processes.ts';

const withNats = needs('nats-server', 'nats-server');
/** The plugin, or the older program of its own; either only reads the file. */
const COMPOSE = composeCommand();
const withCompose = needsThat(() => COMPOSE !== null, 'docker compose (apt-get install docker-compose)');

const compose = suite('compose file');

function composeCommand(): readonly string[] | null {
  const docker = findBinary('docker');
  if (docker !== null && spawnSync(docker, ['compose', 'version']).status === 0) return [docker, 'compose'];
  const alone = findBinary('docker-compose');
  return alone === null ? null : [alone];
}

compose('it is what the compose specification says such a file is', () => {
  const text = readFileSync(COMPOSE_PATH, 'utf8');
  assert.equal(faultsOf(text), []);
  // The schema sees what is wrong: one of each kind.
  for (const [right, wrong] of [
    ['restart: "no"', 'restrat: "no"'],
    ['interval: 2s', 'interval: 2'],
    ['retries: 30', 'retries: [30]'],
    ['condition: service_healthy', 'condition: healthy'],
    ['cap_drop: [ALL]', 'cap_drop: ALL'],
  ] as const) {
    assert.ok(text.includes(right), right);
    assert.is.not(faultsOf(text.replace(right, wrong)).length, 0, wrong);
  }
});

withCompose(compose, '"docker compose config" takes it', async () => {
  const [program = '', ...words] = COMPOSE ?? [];
  const file = fileURLToPath(COMPOSE_PATH);
  await assertSucceeds(program, [...words, '-f', file, 'config', '--quiet']);
});

compose('every service is hardened, its image pinned, its user not root; only known keys are used', () => {
  const file = readComposeFile();
  assert.ok(Object.keys(file.services).length >= 8);
  assert.equal(startOrder(file).slice(0, 2), ['init', 'nats']);
  for (const { networks } of Object.values(file.services))
    for (const name of networks) assert.ok(name in file.networks);
  for (const { volumes } of Object.values(file.services))
    for (const volume of volumes) assert.ok((volume.split(':')[0] ?? '') in file.volumes, volume);
});

compose('no domain sees the policy, the authority, or what belongs to somebody else', () => {
  const file = readComposeFile();
  for (const [name, { volumes }] of Object.entries(file.services)) {
    if (name === 'init') continue;
    const seen = volumes.map((volume) => volume.split(':')[0] ?? '').filter((volume) => volume !== 'policy');
    assert.equal(seen, [name], name);
    assert.is(volumes.includes('policy:/cluster/policy:ro'), name.startsWith('broker-'), name);
  }
});

compose('who waits for the health of a service waits for one that has a health check', () => {
  const file = readComposeFile();
  for (const { depends_on } of Object.values(file.services)) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      if (condition === 'service_healthy') assert.ok(file.services[other]?.healthcheck, other);
    }
  }
});

compose('the image has every directory that a volume is mounted at, so that it belongs to the user', () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
  for (const { volumes, user } of Object.values(readComposeFile().services)) {
    for (const volume of volumes) {
      const at = (volume.split(':')[1] ?? '').replace('/cluster/', '');
      assert.ok(new RegExp(`[ ]${at}[ ;]`).test(dockerfile), at);
    }
    assert.match(dockerfile, `chown -R ${user}`);
  }
  for (const [, image = ''] of dockerfile.matchAll(/^FROM (\S+)/gm)) assert.match(image, /:\d+\.\d+\.\d+/);
  assert.match(dockerfile, /^USER 1000:1000$/m);
});

compose('nats-server has the environment that it is measured with', () => {
  assert.equal(readComposeFile().services.nats?.environment, SERVER_ENVIRONMENT);
});

withNats(
  compose,
  'the same commands as plain processes, in the same order: a stream from a domain of one broker to one of the other',
  async () => {
    const argus = [process.execPath, ...nodeArguments(CLI)];
    const stack = new Processes(readComposeFile(), temporaryDirectory(), argus, await freeTcpPort());
    try {
      await stack.up();
      for (const vm of ['audio-vm', 'net-vm', 'chrome-vm', 'mail-vm'])
        assert.ok(existsSync(stack.path('vms', vm, 'agent.sock')));
      const receiver = stack.exec([
        ...['ring', 'recv', '4713', '--from', 'mail-vm', '--until-empty'],
        ...['--agent', '/cluster/vms/audio-vm/agent.sock'],
      ]);
      const got: Buffer[] = [];
      receiver.stdout?.on('data', (chunk: Buffer) => got.push(chunk));
      const [greeting] = await once(receiver.stderr ?? receiver, 'data');
      assert.match(String(greeting), 'listening at port 4713');
      const sound = Buffer.alloc(1_764 * 200, 5);
      const sender = stack.exec([
        ...['ring', 'send', 'audio-vm', '4713', '--size', '1764', '--end'],
        ...['--agent', '/cluster/vms/mail-vm/agent.sock'],
      ]);
      sender.stdin?.end(sound);
      await Promise.all([once(receiver, 'exit'), once(sender, 'exit')]);
      assert.is(Buffer.compare(Buffer.concat(got), sound), 0);
      await showsBoth(stack);
      await stack.stop('broker-two');
      await showsOneDown(stack);
    } finally {
      await stack.down();
    }
  },
);

const CONTROLS = ['/cluster/brokers/one/run/control.sock', '/cluster/brokers/two/run/control.sock'];

async function clusterStatus(
  stack: Processes,
  ...options: readonly string[]
): Promise<{ readonly code: number; readonly shown: string }> {
  const status = stack.exec(['cluster', 'status', ...options, '--control', ...CONTROLS]);
  let shown = '';
  status.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const [code] = await once(status, 'close');
  return { code, shown };
}

/** Each broker as it says itself, and as the other has heard of it: the same. */
async function showsBoth(stack: Processes): Promise<void> {
  let brokers: readonly BrokerStatus[] = [];
  // A report is up to two seconds old.
  while (brokers.length === 0 || brokers.some(({ brokers: [seen] }) => seen?.report?.sessions !== 2)) {
    const { code, shown } = await clusterStatus(stack, '--json');
    assert.is(code, 0);
    brokers = (JSON.parse(shown) as { readonly status: BrokerStatus }[]).map(({ status }) => status);
  }
  assert.equal(
    brokers.map(({ broker }) => broker),
    ['one', 'two'],
  );
  for (const [index, { policy, brokers: others }] of brokers.entries()) {
    const [seen] = others;
    const other = brokers[1 - index];
    assert.is(others.length, 1);
    assert.is(seen?.broker, other?.broker);
    assert.is.not(seen?.session, null);
    assert.equal([seen?.report?.revision, seen?.report?.policy], [policy.revision, policy.hash]);
    assert.is(seen?.report?.grants, 0);
    assert.match(seen?.report?.auditHead ?? '', /^[0-9a-f]{64}$/);
    assert.ok(
      (seen?.report?.auditRecords ?? 0) > 0 && (seen?.report?.auditRecords ?? 0) <= (other?.audit.records ?? 0),
    );
    assert.ok(Math.abs(seen?.clockOffsetMs ?? Number.POSITIVE_INFINITY) < 1_000);
  }
  const { shown: table } = await clusterStatus(stack);
  for (const word of [
    'policy',
    'grants',
    'sessions',
    'clock',
    'audit head',
    'seen by',
    brokers[0]?.policy.hash.slice(0, 12) ?? '',
  ])
    assert.match(table, word);
}

/** Its socket is gone, or nothing listens there any more. */
const NO_BROKER = /there is no control socket|no broker listens/;

async function showsOneDown(stack: Processes): Promise<void> {
  for (;;) {
    const { code, shown } = await clusterStatus(stack, '--json');
    assert.is(code, 1);
    const [one, two] = JSON.parse(shown) as [{ readonly status: BrokerStatus }, { readonly error?: string }];
    assert.match(two.error ?? '', NO_BROKER);
    if (one.status.brokers[0]?.session === null) break;
  }
  const { code, shown } = await clusterStatus(stack);
  assert.is(code, 1);
  assert.match(shown, 'not reached');
  assert.match(shown, NO_BROKER);
}

/** Rejects with what the program says. No engine is asked, and none needed. */
function assertSucceeds(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error) => (error === null ? resolve() : reject(error)));
  });
}

compose.run();
