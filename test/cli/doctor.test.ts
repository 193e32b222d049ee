/** `argus doctor` and `argus broker --check`: each check finds the damage that it is for, and nothing is changed. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkStart, readOptions } from '../../broker/index.ts';
import { type NetworkConfig, parseNetworkConfig } from '../../clients/agents/network/index.ts';
import type { Diagnosis } from '../../clients/cli/doctor/diagnosis.ts';
import { expiry } from '../../clients/cli/doctor/diagnosis.ts';
import { diagnoseGuest } from '../../clients/cli/doctor/guest.ts';
import { diagnoseHost, diagnosePolicy } from '../../clients/cli/doctor/host.ts';
import { diagnoseTap, type TapMeans } from '../../clients/cli/doctor/tap.ts';
import { type Installation, OPEN_ROWS, withInstallation } from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const doctor = suite('argus doctor');

function problems(found: readonly Diagnosis[]): (readonly [check: string, code: string | null])[] {
  return found.filter(({ state }) => state === 'problem').map(({ check, code }) => [check, code]);
}

doctor('a host in order has no problem, and nothing was made by looking', () =>
  withInstallation({}, async (installation) => {
    const found = await diagnoseHost(installation.config);
    assert.equal(problems(found), []);
    assert.ok(found.some(({ check, state }) => check === 'host: broker' && state === 'warning'));
    assert.not(existsSync(installation.runtime));
    assert.not(existsSync(installation.audit));
  }),
);

type Damage = readonly [
  what: string,
  check: string,
  code: string,
  damage: (installation: Installation) => Promise<unknown> | unknown,
];
const DAMAGES: readonly Damage[] = [
  [
    'an unknown key',
    'host: configuration',
    'ERR_BROKER_CONFIG',
    (installation) => installation.configure({ polciy: 'x' }),
  ],
  [
    'an identity that is not there',
    'host: identity',
    'ERR_KEY_FILE_MISSING',
    (installation) => installation.configure({ identity: join(installation.directory, 'nowhere') }),
  ],
  [
    'the identity of a domain',
    'host: identity',
    'ERR_BROKER_IDENTITY',
    (installation) => installation.configure({ identity: installation.identityOf('chrome-vm') }),
  ],
  [
    'a row that is refused',
    'policy',
    'ERR_POLICY_EFFECT',
    (installation) => installation.writeRows([`${OPEN_ROWS[0]}ed`]),
  ],
  [
    'a runtime directory that others may write',
    'host: runtime',
    'ERR_BROKER_SOCKET_PATH',
    (installation) => {
      mkdirSync(installation.runtime);
      chmodSync(installation.runtime, 0o777);
    },
  ],
  [
    'a domain whose socket would be the control socket',
    'host: runtime',
    'ERR_BROKER_SOCKET_PATH',
    (installation) => installation.writeDomains({ control: [] }),
  ],
  [
    'a log whose end is not a record',
    'host: audit',
    'ERR_AUDIT_CORRUPT',
    async (installation) => {
      await (await installation.broker()).close();
      const [segment = ''] = readdirSync(installation.audit).filter((name) => name.endsWith('.jsonl'));
      writeFileSync(join(installation.audit, segment), 'not a record\n', { flag: 'a' });
    },
  ],
  [
    'a log directory that others may read',
    'host: audit',
    'ERR_AUDIT_MODE',
    (installation) => {
      mkdirSync(installation.audit);
      chmodSync(installation.audit, 0o755);
    },
  ],
  [
    'a log that another broker writes',
    'host: audit',
    'ERR_BROKER_CHECK',
    async (installation) => {
      await installation.broker({ runtime: join(installation.directory, 'other') });
    },
  ],
  [
    'a NATS address without a key',
    'host: nats',
    'ERR_NATS_FILE',
    (installation) => installation.configure({ nats: 'nats://127.0.0.1:1' }),
  ],
];
for (const [what, check, code, damage] of DAMAGES) {
  doctor(`finds ${what}`, () =>
    withInstallation({}, async (installation) => {
      await damage(installation);
      assert.equal(problems(await diagnoseHost(installation.config)), [[check, code]]);
    }),
  );
}

doctor('finds a port that is taken', () =>
  withInstallation({}, async (installation) => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
    await installation.configure({ tcp: `127.0.0.1:${port}` });
    assert.equal(problems(await diagnoseHost(installation.config)), [['host: ports', 'ERR_BROKER_CHECK']]);
    server.close();
  }),
);

doctor('a running broker holds lock, sockets and ports itself; a refused policy shows', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false, tcp: '127.0.0.1:0' });
    assert.equal(problems(await diagnoseHost(installation.config)), []);
    await installation.writeRows(['nonsense']);
    await broker.reload();
    const found = problems(await diagnoseHost(installation.config));
    assert.equal(
      found.map(([check]) => check),
      ['policy', 'host: broker'],
    );
  }),
);

doctor('lists every finding of a policy', () =>
  withInstallation({}, async (installation) => {
    await installation.writeRows([...OPEN_ROWS, 'p, chrome-vm', 'p, chrome-vm, mail-vm, dta, send, allow']);
    assert.is(problems(await diagnosePolicy(installation.policy)).length, 2);
    rmSync(installation.policy, { recursive: true });
    assert.equal(problems(await diagnosePolicy(installation.policy)), [['policy', 'ERR_POLICY_DIRECTORY']]);
  }),
);

doctor('a credential that ends within two weeks is a warning', () => {
  const day = 86_400;
  assert.is(expiry('x', 20 * day, 0).state, 'good');
  assert.is(expiry('x', 13 * day, 0).state, 'warning');
});

doctor('finds what keeps an agent from its broker', () =>
  withInstallation({}, async (installation) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'agent.yaml');
    const socket = join(directory, 'agent.sock');
    const write = (more: object): void =>
      writeFileSync(
        file,
        JSON.stringify({
          identity: installation.identityOf('chrome-vm'),
          carrier: installation.carrierOf('chrome-vm'),
          socket,
          ...more,
        }),
      );
    write({});
    assert.equal(problems(await diagnoseGuest(file)), [['guest: carrier', 'ERR_CLIENT_UNREACHABLE']]);
    await installation.broker();
    assert.equal(problems(await diagnoseGuest(file)), []);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const agent = (await diagnoseGuest(file)).find(({ check }) => check === 'guest: agent');
    assert.is(agent?.state, 'good');
    server.close();
    for (const [more, check, code] of [
      [{ carier: 'x' }, 'guest: configuration', 'ERR_AGENT_CONFIG'],
      [{ carrier: `unix:${file}` }, 'guest: carrier', 'ERR_CLIENT_CARRIER'],
      [{ carrier: 'serial:/dev/virtio-ports/none' }, 'guest: carrier', 'ERR_CLIENT_UNREACHABLE'],
      [{ identity: join(directory, 'none') }, 'guest: credential', 'ERR_KEY_FILE_MISSING'],
      [
        { identity: join(directory, 'none'), enrol: { name: 'chrome-vm', token: join(directory, 'token') } },
        'guest: credential',
        'ERR_AGENT_ENROL',
      ],
    ] as const) {
      write(more);
      assert.equal(problems(await diagnoseGuest(file)), [[check, code]]);
    }
  }),
);

doctor('says whether a TAP device can be opened and carries segments', async () => {
  const directory = temporaryDirectory();
  const device = join(directory, 'tun');
  const perl = join(directory, 'perl');
  const tapOf = (offload: boolean) =>
    parseNetworkConfig(
      { carrier: 'unix:/x', identity: '/x', link: { peers: ['net-vm'], tap: 'argus0', offload } },
      'test',
    );
  const means: TapMeans = { device, path: directory, segmentsProblem: () => null };
  const without: TapMeans = { ...means, segmentsProblem: () => 'no koffi' };
  const stateOf = async (network: NetworkConfig | null, from: TapMeans) =>
    (await diagnoseTap(network, from)).map(({ state, says }) => [state, says]);
  assert.equal(await stateOf(null, means), []);
  assert.equal(await stateOf(tapOf(true), means), [
    ['problem', `there is no "${device}": load the module (modprobe tun)`],
  ]);
  writeFileSync(device, '');
  assert.equal(await stateOf(tapOf(true), means), [['good', 'argus0: segments of up to 64 KiB']]);
  assert.equal(await stateOf(tapOf(false), means), [['problem', '"argus0" needs the program "perl"']]);
  writeFileSync(perl, '', { mode: 0o755 });
  assert.equal(await stateOf(tapOf(false), means), [['good', 'argus0: frames of one MTU, because "offload" is false']]);
  assert.equal(await stateOf(tapOf(true), without), [
    ['warning', 'argus0: frames of one MTU instead of segments of up to 64 KiB: no koffi'],
  ]);
});

doctor('broker --check lists every problem that a start would have', () =>
  withInstallation({}, async (installation) => {
    await installation.writeRows(['nonsense']);
    await installation.configure({ identity: join(installation.directory, 'nowhere') });
    const checks = await checkStart(readOptions(installation.config));
    assert.equal(
      checks.filter(({ problem }) => problem !== null).map(({ subject }) => subject),
      ['identity', 'policy'],
    );
    const { code, stdout, stderr } = await runCli(['broker', '--check', '--config', installation.config]);
    assert.equal([code, stdout], [1, '']);
    for (const part of ['ERR_BROKER_CHECK', 'ERR_KEY_FILE_MISSING', 'policy.csv:1']) assert.match(stderr, part);
  }),
);

doctor('the command exits with 1 for a problem, and --json says the same', () =>
  withInstallation({}, async (installation) => {
    await installation.writeRows(['nonsense']);
    const { code, stdout } = await runCli(['doctor', '--host', installation.config, '--json']);
    assert.is(code, 1);
    assert.is(problems(JSON.parse(stdout)).length, 1);
    const directory = await runCli(['doctor', '--host', dirname(installation.config), '--json']);
    assert.is(directory.stdout, stdout, 'a directory stands for the file in it');
  }),
);

doctor.run();
