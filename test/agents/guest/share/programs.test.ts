/** Programs with a whole SDK on the sockets of real agents, over a real broker. */
import { connect as dial } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openLocal } from '../../../../clients/agents/guest/index.ts';
import { type ArgusError, connect, type Vm } from '../../../../clients/sdk/index.ts';
import { GuestFixture, PORT } from '../guest-fixture.ts';

const test = suite('agent: programs with the whole SDK');

const TO = { domain: 'audio-vm', port: PORT };

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'OK',
    (error: { code: string }) => error.code,
  );
}

test('many programs of two machines, one session each: all arrives, in the order of each program', async () => {
  const fixture = await GuestFixture.build();
  const [receiver, sender] = await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const program = (name: string): Promise<Vm> => connect({ carrier: `agent:${fixture.socketOf(name)}` });
  const listener = await program('audio-vm');
  const senders = await Promise.all([1, 2, 3].map(() => program('chrome-vm')));
  assert.equal([listener.name, ...senders.map((vm) => vm.name)], ['audio-vm', 'chrome-vm', 'chrome-vm', 'chrome-vm']);
  // So small that every program meets a full ring again and again.
  const ring = await listener.registerRing({ port: PORT, partner: 'any', length: 2048 });
  const count = 400;
  const sent = senders.map((vm, program) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        vm.sendv({ to: TO, iov: Uint8Array.of(program, index & 0xff, index >>> 8), deadline: 60_000 }),
      ),
    ),
  );
  const next = [0, 0, 0];
  for (let left = senders.length * count; left > 0; left--) {
    const message = await ring.receive();
    const [program = 0, low = 0, high = 0] = message?.payload ?? [];
    assert.is(low + 256 * high, next[program]);
    next[program] = (next[program] ?? 0) + 1;
  }
  await Promise.all(sent);
  assert.equal([receiver.vm.state, sender.vm.state], ['connected', 'connected']);
  await Promise.all([listener, ...senders].map((vm) => vm.close()));
  await fixture.close();
});

test('programs with the SDK and programs of the local protocol do not take rings from each other', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('audio-vm');
  const socket = fixture.socketOf('audio-vm');
  const vm = await connect({ carrier: `agent:${socket}` });
  await vm.registerRing({ port: PORT, partner: 'any', length: 4096 });
  const recv = { kind: 'recv', port: PORT, partner: 'any', length: 4096, untilGone: false } as const;
  const refused = await openLocal(socket, recv).catch((error: Error) => error.message);
  assert.match(String(refused), /^EEXIST/);
  await vm.close();
  await fixture.close();
});

test('a program outlives its agent, and the agent outlives a program that says nonsense', async () => {
  const fixture = await GuestFixture.build();
  const agent = await fixture.agent('audio-vm');
  await fixture.agent('chrome-vm');
  const listener = await connect({ carrier: `agent:${fixture.socketOf('audio-vm')}` });
  const ring = await listener.registerRing({ port: PORT, partner: 'any', length: 4096 });
  const sender = await connect({ carrier: `agent:${fixture.socketOf('chrome-vm')}` });

  await new Promise<void>((resolve) => {
    const nonsense = dial(fixture.socketOf('chrome-vm'), () => nonsense.write(`session\n${'\xff'.repeat(64)}`));
    nonsense.once('close', () => resolve());
    nonsense.resume();
  });
  await sender.sendv({ to: TO, iov: Uint8Array.of(1), deadline: 30_000 });
  assert.equal([...((await ring.receive())?.payload ?? [])], [1]);

  const lost = new Promise((resolve) => listener.on('disconnected', resolve));
  const back = new Promise((resolve) => listener.on('reconnected', resolve));
  await agent.close();
  await lost;
  await fixture.agent('audio-vm');
  await back;
  await sender.sendv({ to: TO, iov: Uint8Array.of(2), deadline: 30_000 });
  assert.equal([...((await ring.receive())?.payload ?? [])], [2]);
  await Promise.all([listener.close(), sender.close()]);
  await fixture.close();
});

test('without an agent the error says so; an identity has no place beside it', async () => {
  const absent = await connect({ carrier: 'agent:/nowhere/agent.sock' }).catch((error: ArgusError) => error);
  assert.instance(absent, Error);
  assert.match((absent as Error).message, /no agent runs on this machine/);
  assert.is(await codeOf(connect({ carrier: 'agent:', identity: '/etc/argus/identity' })), 'ERR_CLIENT_OPTION');
  assert.is(await codeOf(connect({ carrier: 'agent:', broker: 'argus' })), 'ERR_CLIENT_OPTION');
  assert.is(await codeOf(connect({ carrier: 'agent:relative' })), 'ERR_CLIENT_CARRIER');
  assert.is(await codeOf(connect({ carrier: 'unix:/nowhere' })), 'ERR_CLIENT_OPTION');
});

test('agent: finds the socket by ARGUS_AGENT', async () => {
  const fixture = await GuestFixture.build();
  await fixture.agent('audio-vm');
  const before = process.env.ARGUS_AGENT;
  process.env.ARGUS_AGENT = fixture.socketOf('audio-vm');
  try {
    const vm = await connect({ carrier: 'agent:' });
    assert.is(vm.name, 'audio-vm');
    await vm.close();
  } finally {
    if (before === undefined) delete process.env.ARGUS_AGENT;
    else process.env.ARGUS_AGENT = before;
  }
  await fixture.close();
});

test.run();
