/** Where commands find the sockets of broker and agent, and what they say when there is no answer. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findConfig, type SearchPlaces } from '../../broker/config/index.ts';
import { unreachable } from '../../broker/control/client.ts';
import { callControl } from '../../broker/index.ts';
import { openLocal } from '../../clients/agents/guest/index.ts';
import { agentSocket } from '../../clients/cli/sockets/agent.ts';
import { controlSocket } from '../../clients/cli/sockets/control.ts';
import { codeOf } from '../support/installation/installation.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const sockets = suite('sockets that commands find');

/** An empty working directory of this user, and an empty /etc/argus. */
function places(): SearchPlaces {
  const root = temporaryDirectory();
  const found = { here: join(root, 'here'), system: join(root, 'etc') };
  for (const directory of Object.values(found)) mkdirSync(directory, { mode: 0o755 });
  return found;
}

const BROKER = 'identity: i\npolicy: p\naudit: a\nruntime: run\n';
const AGENT = 'identity: i\nsocket: lent.sock\n';

sockets('the option comes first, then the file here, then the installed one, then the default', () => {
  const at = places();
  assert.is(controlSocket(undefined, at), '/run/argus/control.sock');
  assert.is(agentSocket(undefined, at), '/run/argus/agent.sock');
  writeFileSync(join(at.system, 'argus.yaml'), BROKER);
  writeFileSync(join(at.system, 'agent.yaml'), AGENT);
  assert.is(controlSocket(undefined, at), join(at.system, 'run/control.sock'));
  assert.is(agentSocket(undefined, at), join(at.system, 'lent.sock'));
  writeFileSync(join(at.here, 'argus.yaml'), BROKER);
  writeFileSync(join(at.here, 'agent.yaml'), AGENT);
  assert.is(controlSocket(undefined, at), join(at.here, 'run/control.sock'));
  assert.is(agentSocket(undefined, at), join(at.here, 'lent.sock'));
  assert.is(controlSocket('/given', at), '/given');
  assert.is(agentSocket('/given', at), '/given');
});

sockets('a file here that another user could have written is passed over', () => {
  const at = places();
  const file = join(at.here, 'argus.yaml');
  writeFileSync(file, BROKER);
  assert.is(findConfig('argus.yaml', at), file);
  chmodSync(file, 0o666);
  assert.is(findConfig('argus.yaml', at), null);
  chmodSync(file, 0o644);
  chmodSync(at.here, 0o777);
  assert.is(findConfig('argus.yaml', at), null);
  chmodSync(at.here, 0o755);
  if (process.geteuid?.() !== 0) return;
  chownSync(file, 12_345, 12_345);
  assert.is(findConfig('argus.yaml', at), null);
});

sockets('a file that is not in order is an error, and no other socket is used', async () => {
  const at = places();
  writeFileSync(join(at.here, 'argus.yaml'), 'polciy: x\n');
  assert.is(await codeOf(Promise.resolve().then(() => controlSocket(undefined, at))), 'ERR_BROKER_CONFIG');
});

for (const [variable, line] of [
  ['ARGUS_CONTROL', ['status']],
  ['ARGUS_CONTROL', ['grants']],
  ['ARGUS_AGENT', ['ring', 'recv', '5000']],
] as const) {
  sockets(`${variable} names the socket for "argus ${line.join(' ')}"`, async () => {
    const path = join(temporaryDirectory(), 'named.sock');
    const { code, stderr } = await runCli(line, { env: { [variable]: path } });
    assert.is(code, 1);
    assert.match(stderr, path);
    assert.match(stderr, /\((ERR_BROKER_NOT_RUNNING|ERR_AGENT_UNREACHABLE)\)\n$/);
  });
}

sockets('a socket that is not there is "not running"; one that this user may not use is not', async () => {
  const path = join(temporaryDirectory(), 'none.sock');
  assert.is(await codeOf(callControl(path, 'GET', '/v1/status')), 'ERR_BROKER_NOT_RUNNING');
  assert.is(
    await codeOf(openLocal(path, { kind: 'recv', port: 1, partner: 'any', length: 48, untilGone: false })),
    'ERR_AGENT_UNREACHABLE',
  );
  const because = (code: string) => unreachable(path, Object.assign(new Error('connect'), { code })).code;
  assert.is(because('ECONNREFUSED'), 'ERR_BROKER_NOT_RUNNING');
  assert.is(because('EACCES'), 'ERR_BROKER_CONTROL_ACCESS');
  assert.is(because('EPERM'), 'ERR_BROKER_CONTROL_ACCESS');
  assert.is(because('ECONNRESET'), 'ERR_BROKER_CONTROL');
});

sockets.run();
