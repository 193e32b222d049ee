/** `argus doctor` and `argus broker --check`: each check finds the damage that it is for, and nothing is changed. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkStart, readOptions } from '../../broker/index.ts';
import type { Diagnosis } from '../../clients/cli/doctor/diagnosis.ts';
import { expiry } from '../../clients/cli/doctor/diagnosis.ts';
import { diagnoseGuest } from '../../clients/cli/doctor/guest.ts';
import { diagnoseHost, diagnosePolicy } from '../../clients/cli/doctor/host.ts';
import { type Installation, OPEN_ROWS, withInstallation } from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const doctor = suite('argus doctor');

function problems(found: readonly Diagnosis[]): (readonly [check: string, code: string | null])[] {
  return found.filter(({ state }) => state === 'problem').map(({ check, code }) => [check, code]);
}

doctor('a host in order has no problem, and nothing was made by looking', () =>
  withInstallation({}, async (stage) => {
    const found = await diagnoseHost(stage.config);
    assert.equal(problems(found), []);
    assert.ok(found.some(({ check, state }) => check === 'host: broker' && state === 'warning'));
    assert.not(existsSync(stage.runtime));
    assert.not(existsSync(stage.audit));
  }),
);

type Damage = readonly [
  what: string,
  check: string,
  code: string,
  damage: (stage: Installation) => Promise<unknown> | unknown,
];
const DAMAGES: readonly Damage[] = [
  ['an unknown key', 'host: configuration', 'ERR_BROKER_CONFIG', (stage) => stage.configure({ polciy: 'x' })],
  [
    'an identity that is not there',
    'host: identity',
    'ERR_KEY_FILE_MISSING',
    (stage) => stage.configure({ identity: join(stage.directory, 'nowhere') }),
  ],
  [
    'the identity of a domain',
    'host: identity',
    'ERR_BROKER_IDENTITY',
    (stage) => stage.configure({ identity: stage.identityOf('chrome-vm') }),
  ],
  ['a row that is refused', 'policy', 'ERR_POLICY_EFFECT', (stage) => stage.writeRows([`${OPEN_ROWS[0]}ed`])],
  [
    'a runtime directory that others may write',
    'host: runtime',
    'ERR_BROKER_SOCKET_PATH',
    (stage) => {
      mkdirSync(stage.runtime);
      chmodSync(stage.runtime, 0o777);
    },
  ],
  [
    'a domain whose socket would be the control socket',
    'host: runtime',
    'ERR_BROKER_SOCKET_PATH',
    (stage) => stage.writeDomains({ control: [] }),
  ],
  [
    'a log whose end is not a record',
    'host: audit',
    'ERR_AUDIT_CORRUPT',
    async (stage) => {
      await (await stage.broker()).close();
      const [segment = ''] = readdirSync(stage.audit).filter((name) => name.endsWith('.jsonl'));
      writeFileSync(join(stage.audit, segment), 'not a record\n', { flag: 'a' });
    },
  ],
  [
    'a log directory that others may read',
    'host: audit',
    'ERR_AUDIT_MODE',
    (stage) => {
      mkdirSync(stage.audit);
      chmodSync(stage.audit, 0o755);
    },
  ],
  [
    'a log that another broker writes',
    'host: audit',
    'ERR_BROKER_CHECK',
    async (stage) => {
      await stage.broker({ runtime: join(stage.directory, 'other') });
    },
  ],
  [
    'a NATS address without a key',
    'host: nats',
    'ERR_NATS_FILE',
    (stage) => stage.configure({ nats: 'nats://127.0.0.1:1' }),
  ],
];
for (const [what, check, code, damage] of DAMAGES) {
  doctor(`finds ${what}`, () =>
    withInstallation({}, async (stage) => {
      await damage(stage);
      assert.equal(problems(await diagnoseHost(stage.config)), [[check, code]]);
    }),
  );
}

doctor('finds a port that is taken', () =>
  withInstallation({}, async (stage) => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
    await stage.configure({ tcp: `127.0.0.1:${port}` });
    assert.equal(problems(await diagnoseHost(stage.config)), [['host: ports', 'ERR_BROKER_CHECK']]);
    server.close();
  }),
);

doctor('a running broker holds lock, sockets and ports itself; a refused policy shows', () =>
  withInstallation({}, async (stage) => {
    const broker = await stage.broker({ watchPolicy: false, tcp: '127.0.0.1:0' });
    assert.equal(problems(await diagnoseHost(stage.config)), []);
    await stage.writeRows(['nonsense']);
    await broker.reload();
    const found = problems(await diagnoseHost(stage.config));
    assert.equal(
      found.map(([check]) => check),
      ['policy', 'host: broker'],
    );
  }),
);

doctor('lists every finding of a policy', () =>
  withInstallation({}, async (stage) => {
    await stage.writeRows([...OPEN_ROWS, 'p, chrome-vm', 'p, chrome-vm, mail-vm, dta, send, allow']);
    assert.is(problems(await diagnosePolicy(stage.policy)).length, 2);
    rmSync(stage.policy, { recursive: true });
    assert.equal(problems(await diagnosePolicy(stage.policy)), [['policy', 'ERR_POLICY_DIRECTORY']]);
  }),
);

doctor('a credential that ends within two weeks is a warning', () => {
  const day = 86_400;
  assert.is(expiry('x', 20 * day, 0).state, 'good');
  assert.is(expiry('x', 13 * day, 0).state, 'warning');
});

doctor('finds what keeps an agent from its broker', () =>
  withInstallation({}, async (stage) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'agent.yaml');
    const socket = join(directory, 'agent.sock');
    const write = (more: object): void =>
      writeFileSync(
        file,
        JSON.stringify({
          identity: stage.identityOf('chrome-vm'),
          carrier: stage.carrierOf('chrome-vm'),
          socket,
          ...more,
        }),
      );
    write({});
    assert.equal(problems(await diagnoseGuest(file)), [['guest: carrier', 'ERR_CLIENT_UNREACHABLE']]);
    await stage.broker();
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

doctor('broker --check lists every problem that a start would have', () =>
  withInstallation({}, async (stage) => {
    await stage.writeRows(['nonsense']);
    await stage.configure({ identity: join(stage.directory, 'nowhere') });
    const checks = await checkStart(readOptions(stage.config));
    assert.equal(
      checks.filter(({ problem }) => problem !== null).map(({ subject }) => subject),
      ['identity', 'policy'],
    );
    const { code, stdout, stderr } = await runCli(['broker', '--check', '--config', stage.config]);
    assert.equal([code, stdout], [1, '']);
    for (const part of ['ERR_BROKER_CHECK', 'ERR_KEY_FILE_MISSING', 'policy.csv:1']) assert.match(stderr, part);
  }),
);

doctor('the command exits with 1 for a problem, and --json says the same', () =>
  withInstallation({}, async (stage) => {
    await stage.writeRows(['nonsense']);
    const { code, stdout } = await runCli(['doctor', '--host', stage.config, '--json']);
    assert.is(code, 1);
    assert.is(problems(JSON.parse(stdout)).length, 1);
  }),
);

doctor.run();
