/** Where the SDK finds the agent of this machine. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findAgentSocket } from '../../clients/sdk/carriers/agent-socket.ts';
import { temporaryDirectory } from '../support/temp.ts';

const sockets = suite('the agent’s socket');

function places(): { readonly here: string; readonly system: string } {
  const root = temporaryDirectory();
  const found = { here: join(root, 'here'), system: join(root, 'etc') };
  for (const directory of Object.values(found)) mkdirSync(directory, { mode: 0o755 });
  return found;
}

async function withEnvironment(value: string | undefined, work: () => Promise<void>): Promise<void> {
  const before = process.env.ARGUS_AGENT;
  const set = (text: string | undefined): void => {
    if (text === undefined) delete process.env.ARGUS_AGENT;
    else process.env.ARGUS_AGENT = text;
  };
  set(value);
  try {
    await work();
  } finally {
    set(before);
  }
}

sockets('the environment comes first, then the file here, then the installed one, then the usual place', () =>
  withEnvironment(undefined, async () => {
    const at = places();
    assert.is(await findAgentSocket(at), '/run/argus/agent.sock');
    writeFileSync(join(at.system, 'agent.yaml'), 'identity: i\nsocket: /run/lent.sock\n');
    assert.is(await findAgentSocket(at), '/run/lent.sock');
    writeFileSync(join(at.here, 'agent.yaml'), '{identity: i, socket: "lent.sock"} # relative to the file\n');
    assert.is(await findAgentSocket(at), join(at.here, 'lent.sock'));
    await withEnvironment('/run/mine.sock', async () => assert.is(await findAgentSocket(at), '/run/mine.sock'));
  }),
);

sockets('a file without a socket means the usual place; one that another user could have written is passed over', () =>
  withEnvironment(undefined, async () => {
    const at = places();
    const file = join(at.here, 'agent.yaml');
    for (const text of ['identity: i\n', '', '- a list\n', 'socket: 5\n']) {
      writeFileSync(file, text);
      assert.is(await findAgentSocket(at), '/run/argus/agent.sock', text);
    }
    writeFileSync(file, 'socket: /run/foreign.sock\n');
    chmodSync(file, 0o666);
    assert.is(await findAgentSocket(at), '/run/argus/agent.sock');
  }),
);

sockets('a file that is no YAML is an error with its name', () =>
  withEnvironment(undefined, async () => {
    const at = places();
    writeFileSync(join(at.here, 'agent.yaml'), 'socket: [');
    const error = await findAgentSocket(at).catch((caught: Error & { code?: string }) => caught);
    assert.ok(error instanceof Error && error.message.includes('agent.yaml:1'), String(error));
    assert.is((error as { code?: string }).code, 'ERR_CLIENT_CARRIER');
  }),
);

sockets.run();
