/** The control socket and the metrics of a real broker. */
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { announce } from '../../clients/cli/commands/audit/announce.ts';
import { grantCommand, grantsCommand, revokeCommand } from '../../clients/cli/commands/running/grants.ts';
import { getenforceCommand, setenforceCommand } from '../../clients/cli/commands/running/modes.ts';
import { reloadCommand, statusCommand } from '../../clients/cli/commands/running/status.ts';
import { argusProgram } from '../../clients/cli/program.ts';
import { codeOfRun, runCommand } from '../policy/run-policy.ts';
import {
  codeOf,
  DATA_PORT,
  type Installation,
  OPEN_ROWS,
  withInstallation,
} from '../support/installation/installation.ts';
import { needs } from '../support/needs.ts';
import { runCli } from '../support/processes/run-cli.ts';

const control = suite('control and metrics');

async function statusOf(installation: Installation): Promise<BrokerStatus> {
  return (await callControl(installation.control, 'GET', '/v1/status')).body as BrokerStatus;
}

/** The result of a scrape: one number for each name with its labels. */
async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(url);
  assert.match(response.headers.get('content-type') ?? '', 'text/plain');
  const samples = new Map<string, number>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      assert.match(line, /^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* \S/);
      continue;
    }
    const [, name = '', value = ''] = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
    // prom-client writes "Nan", for example for the mean of no sample; Prometheus reads NaN in any case of letters.
    assert.ok(name !== '' && (/^nan$/i.test(value) || Number.isFinite(Number(value))), line);
    samples.set(name, Number(value));
  }
  return samples;
}

control('nobody but its own user may open the sockets, whatever mode the runtime directory has', () =>
  withInstallation({}, async (installation) => {
    mkdirSync(installation.runtime);
    chmodSync(installation.runtime, 0o755);
    await installation.broker();
    for (const name of ['control.sock', 'chrome-vm.sock', 'rogue-vm.sock']) {
      const stats = statSync(join(installation.runtime, name));
      assert.ok(stats.isSocket());
      assert.is(stats.mode & 0o777, 0o600, name);
    }
  }),
);

control('a runtime directory that the broker makes is 0700', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    assert.is(statSync(installation.runtime).mode & 0o777, 0o700);
  }),
);

control('status tells policy, log, domains, rings and counts as they are', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker();
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: DATA_PORT, partner: 'chrome-vm', length: 4_096 });
    await chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: new Uint8Array(10) });
    assert.is(await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 5_000 }, iov: [] })), 'EACCES');
    const status = await statusOf(installation);
    assert.is(status.broker, 'argus');
    assert.is(status.pid, process.pid);
    assert.is(status.policy.rows, OPEN_ROWS.length);
    assert.is(status.policy.directory, installation.policy);
    assert.is(status.audit.healthy, true);
    assert.is(status.messages, 1);
    assert.is(status.bytes, 10);
    assert.equal(status.refused, { EACCES: 1 });
    const domain = status.domains.find(({ name }) => name === 'mail-vm');
    assert.equal(domain?.labels, ['@member']);
    assert.is(domain?.carrier, broker.carrierOf('mail-vm'));
    assert.equal(domain?.rings, [{ port: DATA_PORT, partner: 'chrome-vm', length: 4_096, used: 32 }]);
    assert.is(status.domains.find(({ name }) => name === 'audio-vm')?.session, null);
  }),
);

control('argus status prints it for people, and with --json as it is', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    await installation.connect('chrome-vm');
    const people = await runCli(['status', '--control', installation.control]);
    assert.is(people.code, 0);
    for (const part of ['broker    argus', 'revision 1', 'healthy', 'chrome-vm', 'rogue-vm'])
      assert.match(people.stdout, part);
    const machines = await runCli(['status', '--json', '--control', installation.control]);
    assert.is(JSON.parse(machines.stdout).broker, 'argus');
  }),
);

control('reload answers 200 with the revision, or 422 with the place of the error', () =>
  withInstallation({}, async (installation) => {
    await installation.broker({ watchPolicy: false });
    const reload = (): ReturnType<typeof callControl> => callControl(installation.control, 'POST', '/v1/policy/reload');
    const first = await reload();
    const { policy } = await statusOf(installation);
    assert.equal(first, { ok: true, body: { ok: true, revision: 1, changed: false, policy: policy.hash } });
    await installation.writeRows([...OPEN_ROWS, 'p, chrome-vm']);
    const { ok, body } = await reload();
    assert.is(ok, false);
    const { code, message } = body as { code: string; message: string };
    assert.match(code, /^ERR_POLICY_/);
    assert.match(message, /policy\.csv:5:\d+/);
    await installation.writeRows([...OPEN_ROWS, 'p, chrome-vm, mail-vm, data, send, deny']);
    const third = await reload();
    const { hash } = (await statusOf(installation)).policy;
    assert.equal(third, { ok: true, body: { ok: true, revision: 2, changed: true, policy: hash } });
  }),
);

control('status says that the files on disk are refused and why, until they are in order again', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    assert.is((await statusOf(installation)).policy.refusal, null);
    await installation.writeRows([...OPEN_ROWS, 'p, chrome-vm, mail-vm, dta, send, allow', 'p, chrome-vm']);
    const { code, stdout } = await runCli(['reload', '--json', '--control', installation.control]);
    assert.is(code, 1);
    const { findings } = JSON.parse(stdout);
    assert.equal(
      findings.map(({ line }: { line: number }) => line),
      [5, 6],
    );
    assert.is((await statusOf(installation)).policy.refusal?.findings, 2);
    const people = await runCli(['status', '--control', installation.control]);
    assert.match(people.stdout, /REFUSED: .*policy\.csv:5:.*\(ERR_POLICY_/);
    await installation.writeRows(OPEN_ROWS);
    await broker.reload();
    assert.is((await statusOf(installation)).policy.refusal, null);
  }),
);

control('a revocation of a name that is not declared is refused, with the nearest one', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    for (const [domain, label, says] of [
      ['chrmoe-vm', '@member', 'did you mean "chrome-vm"?'],
      ['chrome-vm', '@membre', 'did you mean "@member"?'],
    ] as const) {
      const { code, stdout, stderr } = await runCli(['revoke', domain, label, '--control', installation.control]);
      assert.is(code, 1);
      assert.is(stdout, '');
      assert.match(stderr, says);
      assert.match(stderr, /\(ERR_BROKER_GRANT\)\n$/);
    }
  }),
);

control('reloads that come together are answered by one load, and none is lost', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    await installation.writeRows([...OPEN_ROWS, 'p, chrome-vm, mail-vm, data, send, deny']);
    const results = await Promise.all(Array.from({ length: 5 }, () => broker.reload()));
    for (const result of results) assert.equal(result, { ok: true, revision: 2, changed: true });
    assert.is(broker.status().policy.revision, 2);
  }),
);

needs('ss', 'iproute2')(
  control,
  'every request that may change something is recorded with the process that sent it',
  () =>
    withInstallation({}, async (installation) => {
      const broker = await installation.broker({ watchPolicy: false });
      const grant = { domain: 'chrome-vm', label: '@member', by: 'alice', reason: 'a test' };
      for (const [path, body] of [
        ['policy/reload', { by: 'alice', reason: 'a test' }],
        ['policy/apply', { token: 'no token' }],
        ['policy/stage', {}],
        ['grants', grant],
        ['grants/revoke', grant],
        ['modes', { domain: 'chrome-vm', mode: 'enforcing', by: 'alice', reason: 'a test' }],
        ['keys/revocations', { list: 'none' }],
        ['keys/register', { extract: 'none' }],
        ['audit/review', { credential: 'none', statement: 'none' }],
        ['audit/read', { by: 'alice', what: 'list' }],
        ['audit/export', { by: 'alice', what: 'case x', question: 'src=mail-vm', records: 3 }],
      ] as const)
        await callControl(installation.control, 'POST', `/v1/${path}`, body);
      await callControl(installation.control, 'GET', '/v1/policy/files');
      await broker.close();
      const records = readFileSync(join(installation.audit, '00000001.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'admin.request' || event === 'admin.refused');
      assert.equal(
        records.map(({ reason, detail }) => [detail.request, reason, detail.by ?? null, detail.why ?? null]),
        [
          ['policy.reload', 'UNCHANGED', 'alice', 'a test'],
          ['policy.apply', 'ERR_CONTROL_BODY', null, null],
          ['policy.stage', 'ERR_CONTROL_BODY', null, null],
          ['grants.add', 'ERR_POLICY_GRANT', 'alice', 'a test'],
          ['grants.revoke', 'UNCHANGED', 'alice', 'a test'],
          ['modes.set', 'UNCHANGED', 'alice', 'a test'],
          ['keys.revoke', 'ERR_BROKER_LIST_NOT_A_LIST', null, null],
          ['keys.register', 'ERR_BROKER_REGISTER_NOT_AN_EXTRACT', null, null],
          ['audit.review', 'ERR_BROKER_REVIEW', null, null],
          ['audit.read', 'DONE', 'alice', null],
          ['audit.export', 'DONE', 'alice', null],
        ],
      );
      for (const { detail } of records)
        assert.equal([detail.caller?.pid, detail.caller?.uid], [process.pid, process.getuid?.()]);
    }),
);

control('audit status has what only the broker that writes the log knows', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const status = async (control: string): Promise<string> => {
      const before = process.env.ARGUS_CONTROL;
      process.env.ARGUS_CONTROL = control;
      try {
        return (await runCommand(await argusProgram('audit'), ['audit', 'status', installation.audit])).output;
      } finally {
        if (before === undefined) delete process.env.ARGUS_CONTROL;
        else process.env.ARGUS_CONTROL = before;
      }
    };
    assert.match(
      await status(installation.control),
      new RegExp(
        `^enabled 1 \\(a broker is writing\\)\npid ${process.pid}\nbacklog_limit 20000\nbacklog \\d+\nlost 0\n`,
      ),
    );
    assert.match(
      await status('/nowhere'),
      /^enabled 1 \(a broker is writing; it cannot be asked from here\)\nlost 0\n/,
    );
    await broker.close();
    assert.match(await status(installation.control), /^enabled 0 \(no broker is writing\)\nlost 0\n/);
  }),
);

control('reading and exporting the log of a running broker is recorded in it, and a copy of it is not', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false });
    const before = process.env.ARGUS_CONTROL;
    process.env.ARGUS_CONTROL = installation.control;
    try {
      await runCommand(await argusProgram('audit'), ['audit', 'list', installation.audit, 'event=broker.start']);
      assert.is(await announce(installation.audit, { what: 'proof', question: 'seq=1', records: 1 }), true);
      assert.is(await announce(installation.runtime, { what: 'list', question: '' }), false);
    } finally {
      if (before === undefined) delete process.env.ARGUS_CONTROL;
      else process.env.ARGUS_CONTROL = before;
    }
    await broker.close();
    const { output } = await runCommand(await argusProgram('audit'), [
      'audit',
      'reviews',
      installation.audit,
      '--json',
    ]);
    const uses = JSON.parse(output) as { readonly what: string; readonly how: string; readonly about: string }[];
    assert.equal(
      uses.map(({ what, how, about }) => [what, how, about]),
      [
        ['read', 'list', 'event=broker.start'],
        ['exported', 'proof', 'seq=1'],
      ],
    );
  }),
);

control('what is no operation is 404, with a code', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/v1/status'],
      ['GET', '/v1/policy/reload'],
      ['GET', '/v1/status/../../etc/passwd'],
    ] as const) {
      const { ok, body } = await callControl(installation.control, method, path);
      assert.is(ok, false);
      assert.is((body as { code: string }).code, 'ERR_CONTROL_NOT_FOUND', `${method} ${path}`);
    }
  }),
);

control('metrics parse, and count what happened', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ metrics: '127.0.0.1:0', watchPolicy: false });
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 4_096 });
    for (let sent = 0; sent < 3; sent++)
      await chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: new Uint8Array(10) });
    await codeOf(chrome.sendv({ to: { domain: 'mail-vm', port: 5_000 }, iov: [] }));
    await codeOf(installation.connect('audio-vm', { identity: installation.identityOf('mail-vm') }));
    await installation.writeRows(['nonsense']);
    await broker.reload();
    const samples = await scrape(broker.metrics ?? '');
    const expected: Readonly<Record<string, number>> = {
      argus_messages_total: 3,
      argus_message_bytes_total: 30,
      argus_sessions: 2,
      argus_sessions_opened_total: 2,
      'argus_refused_total{status="EACCES"}': 1,
      'argus_handshakes_refused_total{reason="WRONG_PEER"}': 1,
      argus_policy_revision: 1,
      argus_policy_rows: OPEN_ROWS.length,
      argus_policy_rejected_total: 1,
      argus_audit_healthy: 1,
    };
    for (const [name, value] of Object.entries(expected)) assert.is(samples.get(name), value, name);
    assert.ok((samples.get('argus_audit_records_total') ?? 0) > 5);
    assert.is((await fetch((broker.metrics ?? '').replace('/metrics', '/v1/status'))).status, 404);
  }),
);

control('a permissive domain passes and is shown, by setenforce, getenforce, status, why and the metrics', () =>
  withInstallation({ rows: OPEN_ROWS.slice(0, 1) }, async (installation) => {
    const broker = await installation.broker({ metrics: '127.0.0.1:0', watchPolicy: false });
    const run = async (first: string, ...words: string[]) =>
      runCommand(await argusProgram(first), [first, ...words, '--control', installation.control]);
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 4_096 });
    const send = () => chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: new Uint8Array(3) });
    assert.is(await codeOf(send()), 'EACCES');
    const loose = ['chrome-vm', 'permissive', '--for', '1h', '--reason', 'a test'];
    assert.match((await run('setenforce', ...loose)).output, 'chrome-vm is PERMISSIVE for 3600 s');
    await send();
    assert.match((await run('getenforce')).output, /^Permissive: chrome-vm until \S+, by \S+: a test\n$/);
    assert.is((await run('getenforce', 'mail-vm')).output, 'Enforcing\n');
    assert.match((await run('status')).output, 'PERMISSIVE: denials of chrome-vm are recorded and NOT enforced');
    assert.match((await run('why', 'chrome-vm', 'mail-vm', 'argo', 'send')).output, 'chrome-vm is PERMISSIVE now');
    assert.is((await scrape(broker.metrics ?? '')).get('argus_policy_permissive_domains'), 1);
    assert.is((await run('setenforce', 'chrome-vm', 'enforcing')).output, 'chrome-vm is enforcing, revision 3\n');
    assert.is((await run('setenforce', 'chrome-vm', 'enforcing')).output, 'chrome-vm was enforcing already\n');
    assert.is(await codeOf(send()), 'EACCES');
    const wrong = [
      ['chrome-vm', 'permissive'],
      ['chrome-vm', 'enforcing', '--for', '1h'],
      ['chrom-vm', 'enforcing'],
    ];
    for (const words of wrong) assert.is(codeOfRun(await run('setenforce', ...words)), 'ERR_BROKER_MODE');
    assert.match(String((await run('getenforce', 'chrom-vm')).error), 'unknown domain "chrom-vm"');
  }),
);

control('the control socket has the same metrics', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    const text = await new Promise<string>((resolve, reject) => {
      const call = request({ socketPath: installation.control, path: '/metrics' }, async (response) => {
        resolve(Buffer.concat(await response.toArray()).toString('utf8'));
      });
      call.on('error', reject).end();
    });
    assert.match(text, '\nargus_policy_revision 1\n');
  }),
);

control('a second broker does not start in the same runtime directory, and does not disturb the first', () =>
  withInstallation({}, async (installation) => {
    const first = await installation.broker();
    const vm = await installation.connect('chrome-vm');
    const second = installation.broker({ audit: join(installation.directory, 'other') });
    assert.is(await codeOf(second), 'ERR_BROKER_SOCKET_BUSY');
    assert.is(vm.state, 'connected');
    assert.is((await statusOf(installation)).broker, first.name);
    await installation.connect('mail-vm');
  }),
);

control('a broker that could not start leaves nothing that would keep the next from starting', () =>
  withInstallation({}, async (installation) => {
    await installation.writeDomains({ control: [] });
    assert.is(await codeOf(installation.broker()), 'ERR_BROKER_SOCKET_PATH');
    await installation.writeDomains({ 'chrome-vm': [] });
    await installation.broker();
    assert.is((await installation.connect('chrome-vm')).state, 'connected');
  }),
);

control('every loopback address, also of IPv6, comes back as one that a client can use', () =>
  withInstallation({}, async (installation) => {
    const loopbacks = Object.values(networkInterfaces()).flatMap(
      (each) => each?.filter(({ internal }) => internal) ?? [],
    );
    for (const { address, family } of loopbacks) {
      const broker = await installation.broker({ tcp: family === 'IPv6' ? `[${address}]:0` : `${address}:0` });
      const vm = await installation.connect('chrome-vm', { carrier: broker.tcp ?? '' });
      assert.is(vm.state, 'connected', address);
      await vm.close();
      await broker.close();
    }
  }),
);

control('a broker that is frozen is said to be, within the time that was given', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.brokerProcess({ watchPolicy: false });
    broker.signal('SIGSTOP');
    try {
      const requests: readonly (readonly [Command, ...string[]])[] = [
        [statusCommand()],
        [reloadCommand()],
        [grantsCommand()],
        [grantCommand(), 'chrome-vm', '@audio'],
        [revokeCommand(), 'chrome-vm', '@audio'],
        [getenforceCommand()],
        [setenforceCommand(), 'chrome-vm', 'enforcing'],
      ];
      for (const [command, ...words] of requests) {
        const call = command.parseAsync([...words, '--control', installation.control, '--timeout', '100ms'], {
          from: 'user',
        });
        assert.is(await codeOf(call), 'ERR_BROKER_TIMEOUT', command.name());
      }
    } finally {
      broker.signal('SIGCONT');
    }
  }),
);

/**
 * Opens connections that send half a request. Resolves when the server has ended `ended` of them at once. Rejects when
 * too many of the others are answered, because the server should have ended those at once.
 */
async function halfRequests(open: () => Socket, count: number, ended: number): Promise<readonly Socket[]> {
  let [endedAtOnce, answered] = [0, 0];
  const sockets: Socket[] = [];
  await new Promise<void>((resolve, reject) => {
    for (let index = 0; index < count; index++) {
      const socket = open();
      sockets.push(socket);
      socket.on('error', () => undefined);
      let isAnswered = false;
      socket.once('data', () => {
        isAnswered = true;
        if (++answered > count - ended) reject(new Error(`${answered} half requests were kept and answered`));
      });
      socket.once('close', () => {
        if (!isAnswered && ++endedAtOnce === ended) resolve();
      });
      socket.write('GET /v1/status HTTP/1.1\r\n');
    }
  });
  return sockets;
}

control('half requests do not keep file descriptors, at the control socket and at the metrics port', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ watchPolicy: false, metrics: '127.0.0.1:0' });
    const { port } = new URL(broker.metrics ?? '');
    const sockets = [
      ...(await halfRequests(() => createConnection(installation.control), 200, 200 - 32)),
      ...(await halfRequests(() => createConnection(Number(port), '127.0.0.1'), 200, 200 - 16)),
    ];
    for (const socket of sockets) socket.destroy();
    // The server must first notice that the connections are gone.
    for (;;) {
      const answer = await callControl(installation.control, 'GET', '/v1/status').catch(() => null);
      if (answer?.ok === true) break;
    }
  }),
);

control.run();
