/** Sound and network on the agent's one session. */
import { existsSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveConfig } from '../../../clients/agents/guest/index.ts';
import { GuestFixture } from './guest-fixture.ts';

const parts = suite('agent: parts');

parts('the audio agent offers its sockets beside the local one, and takes them away', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('audio-vm');
  const vchan = fixture.path('vchan');
  const said: string[] = [];
  const agent = await fixture.agent('chrome-vm', { audio: { vchan } }, (line) => said.push(line));
  assert.ok(existsSync(`${vchan}/vchan-4713.sock`));
  assert.ok(existsSync(fixture.socketOf('chrome-vm')));
  assert.ok(said.some((line) => line.startsWith('sound for audio-vm')));
  await agent.close();
  assert.is(agent.vm.state, 'closed');
  await fixture.close();
});

parts('the network agent’s parts run on it: a TCP stream is offered locally', async () => {
  const fixture = await GuestFixture.build();
  // A free port of this machine, found by having had it.
  const probe = createServer();
  const port = await new Promise<number>((resolve) =>
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    }),
  );
  await new Promise((resolve) => probe.close(resolve));
  const connect = [{ local: `127.0.0.1:${port}`, domain: 'audio-vm', port: 7001, replyPort: 4714 }];
  const agent = await fixture.agent('chrome-vm', { network: { connect } }).catch((error: Error) => error);
  assert.not.instance(agent, Error);
  await new Promise<void>((resolve) => {
    const socket = dial(port, '127.0.0.1');
    socket.on('error', () => {}); // policy refuses the stream itself; that somebody listens is what counts
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
  await fixture.close();
});

parts('a part with a mistake is refused before anything starts', () => {
  const config = { identity: 'i', network: { linc: {} } };
  assert.throws(
    () => resolveConfig(config, '/', 'test'),
    (error: Error) => /network.*linc/s.test(error.message),
  );
});

parts.run();
