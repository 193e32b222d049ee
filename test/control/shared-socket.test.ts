/** The shared control socket of a running broker, with the keys of an admin and of an auditor. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerStatus, callControl } from '../../broker/index.ts';
import { type Installation, withInstallation } from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';

const shared = suite('the shared control socket');

/** With the key of `place`, as `argus --as DIR` sets it; null: with none. */
async function as(
  place: string | null,
  installation: Installation,
  ...[socket, method, path, body]: Parameters<typeof callControl>
): Promise<string> {
  if (place === null) delete process.env.ARGUS_AS;
  else process.env.ARGUS_AS = installation.identityOf(place);
  try {
    const answer = await callControl(socket, method, path, body);
    return answer.ok ? 'ok' : (answer.body as { code: string }).code;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    delete process.env.ARGUS_AS;
  }
}

function refusalsOf(installation: Installation): { reason: string; detail: Record<string, unknown> }[] {
  return readFileSync(join(installation.audit, '00000001.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'admin.refused');
}

shared('a key is needed there, each role does its own things, and refusals are recorded', () =>
  withInstallation({}, async (installation) => {
    await installation.issue('alice', 'admin');
    await installation.issue('bob', 'auditor');
    const socket = join(installation.directory, 'shared.sock');
    const broker = await installation.broker({ watchPolicy: false, control: { shared: socket } });
    assert.is(statSync(socket).mode & 0o777, 0o660);
    const reload = ['POST', '/v1/policy/reload', { by: 'a', reason: 'b' }] as const;
    const status = ['GET', '/v1/status'] as const;
    assert.is(await as(null, installation, socket, ...status), 'ERR_BROKER_CONTROL_KEY');
    assert.is(await as('alice', installation, socket, ...status), 'ok');
    assert.is(await as('alice', installation, socket, ...reload), 'ok');
    assert.is(await as('bob', installation, socket, ...status), 'ok');
    assert.is(await as('bob', installation, socket, ...reload), 'ERR_BROKER_CONTROL_ROLE');
    assert.is(await as('chrome-vm', installation, socket, ...status), 'ERR_BROKER_CONTROL_ROLE');
    // The broker's own user needs no key at its own socket, and a presented key counts there as well.
    assert.is(await as(null, installation, installation.control, ...reload), 'ok');
    assert.is(await as('bob', installation, installation.control, ...reload), 'ERR_BROKER_CONTROL_ROLE');
    const { code, stderr } = await runCli(['reload', '--control', socket, '--as', installation.identityOf('bob')]);
    assert.equal(
      [code, stderr],
      [1, 'argus: "bob" is an auditor, and policy.reload needs the key of an admin (ERR_BROKER_CONTROL_ROLE)\n'],
    );
    await broker.close();
    const refusals = refusalsOf(installation).map(({ reason, detail }) => [
      reason,
      detail.request,
      (detail.holder as { name: string } | undefined)?.name ?? null,
    ]);
    assert.equal(refusals.slice(0, 3), [
      ['ERR_CONTROL_KEY', 'status', null],
      ['ERR_CONTROL_ROLE', 'policy.reload', 'bob'],
      ['ERR_CONTROL_ROLE', 'status', 'chrome-vm'],
    ]);
  }),
);

shared('a body that the key has not signed changes nothing', () =>
  withInstallation({}, async (installation) => {
    await installation.issue('alice', 'admin');
    await installation.broker({ watchPolicy: false });
    const { request, Agent } = await import('node:http');
    const { loadIdentity } = await import('../../keys/index.ts');
    const { digestOf, proofHeaders } = await import('../../broker/control/proof.ts');
    const identity = await loadIdentity(installation.identityOf('alice'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = (method: string, path: string, headers: Record<string, string>, body: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const call = request({ socketPath: installation.control, agent, method, path, headers }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.once('end', () => resolve(text));
        });
        call.once('error', reject);
        call.end(body);
      });
    const path = '/v1/grants';
    const { challenge } = JSON.parse(await send('GET', '/v1/challenge', {}, ''));
    const claims = { challenge, method: 'POST', path, body: digestOf(Buffer.from('{"domain":"mail-vm"}')) };
    const headers = { ...(await proofHeaders(identity, claims)) };
    const other = JSON.stringify({ domain: 'chrome-vm', label: '@audio', forMs: 60_000 });
    const answer = await send('POST', path, headers, other);
    agent.destroy();
    assert.is(JSON.parse(answer).code, 'ERR_CONTROL_BODY');
    assert.match(answer, 'not the one that the key has signed');
    const { body } = await callControl(installation.control, 'GET', '/v1/grants');
    assert.equal(body, { grants: [] });
  }),
);

shared('with keys: always the own socket needs one too, and says how', () =>
  withInstallation({}, async (installation) => {
    await installation.issue('bob', 'auditor');
    await installation.broker({ control: { keys: 'always' } });
    const status = ['GET', '/v1/status'] as const;
    assert.is(await as(null, installation, installation.control, ...status), 'ERR_BROKER_CONTROL_KEY');
    assert.is(await as('bob', installation, installation.control, ...status), 'ok');
    process.env.ARGUS_AS = installation.identityOf('bob');
    const { body } = await callControl(installation.control, 'GET', '/v1/status');
    delete process.env.ARGUS_AS;
    assert.is((body as BrokerStatus).broker, 'argus');
  }),
);

shared('an unknown group stops the start, with what to do', () =>
  withInstallation({}, async (installation) => {
    const control = { shared: join(installation.directory, 'shared.sock'), group: 'no-such-group' };
    let problem: { code?: string; message?: string } = {};
    await installation.broker({ control }).catch((error: Error) => {
      problem = error;
    });
    assert.is(problem.code, 'ERR_BROKER_CONFIG');
    assert.match(problem.message ?? '', 'groupadd no-such-group');
  }),
);

shared.run();
