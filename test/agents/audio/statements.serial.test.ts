/**
 * The statements about audio that need a broker, by their numbers in docs/audio.md; the sound server is one in memory.
 */

import { statSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBroker } from '../../../broker/index.ts';
import { AudioEndpoint, AudioService, Mixer, VchanBridge } from '../../../clients/agents/audio/index.ts';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { type Host, until, withHost } from '../../support/audio/host.ts';
import { MemoryServer } from './memory-server.ts';

const statements = suite('audio statements with a broker');

const FRAME = new Uint8Array(1_764).fill(3);
const START = '01000100';
const STOP = '00000100';
const CORK = '00000200';
const UNCORK = '01000200';

interface Harness {
  readonly host: Host;
  readonly server: MemoryServer;
  readonly audio: Vm;
  readonly service: AudioService;
  agent(name: string, heard?: Uint8Array[], audioVm?: string | null): Promise<AudioEndpoint>;
}

async function withHarness(
  work: (harness: Harness) => Promise<void>,
  policy: Readonly<Record<string, (text: string) => string>> = {},
): Promise<void> {
  await withHost(async (host) => {
    const server = new MemoryServer();
    const audio = await host.connect('audio-vm');
    const service = await AudioService.start({ vm: audio, server });
    const agents: AudioEndpoint[] = [];
    const agent: Harness['agent'] = async (name, heard = [], audioVm = 'audio-vm') => {
      const onCapture = (frame: Uint8Array): void => void heard.push(frame.slice());
      const started = await AudioEndpoint.start({ vm: await host.connect(name), audioVm, onCapture });
      agents.push(started);
      return started;
    };
    try {
      await work({ host, server, audio, service, agent });
    } finally {
      for (const each of agents) await each.close();
      await service.stop({ force: true });
    }
  }, policy);
}

/** Sends sound of the microphone to all open record streams. */
function speak(server: MemoryServer): void {
  for (const capture of server.captures) if (!capture.isClosed) capture.speak(FRAME);
}

const refusal = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'OK',
    (error: unknown) => (error as { code?: unknown }).code,
  );

/** A ring in place of the service's ring. It stores the received codes as hex. */
async function codeRing(audio: Vm, codes: string[]): Promise<void> {
  const ring = await audio.registerRing({ port: 4_714, partner: 'any', length: 65_536 });
  void (async () => {
    for await (const { payload } of ring) codes.push(Buffer.from(payload).toString('hex'));
  })();
}

for (const order of ['grant first', 'START first'] as const) {
  statements(`4, 5, 6, 7 and 8: asked and granted, ${order}; neither alone; stop and revocation end it`, () =>
    withHarness(async ({ host, server, service, agent }) => {
      const heard: Uint8Array[] = [];
      const chrome = await agent('chrome-vm', heard);
      const grant = async (): Promise<void> => void (await host.grant('chrome-vm', '@mic'));
      const ask = (): Promise<void> => chrome.listen(true);
      const [first, second] = order === 'grant first' ? [grant, ask] : [ask, grant];
      await first();
      const one = order === 'grant first' ? [false, true, false] : [true, false, false];
      const state = (): unknown[] => {
        const [vm] = service.status().vms;
        return [vm?.asked, vm?.granted, vm?.actual];
      };
      await until('the first half is known', () => String(state()) === String(one));
      speak(server);
      assert.equal([heard.length, server.captures.length], [0, 0]);
      await second();
      await until('there is a record stream', () => server.open === 1);
      speak(server);
      await until('it is heard', () => heard.length === 1);
      await chrome.listen(false);
      await until('it has stopped', () => server.open === 0);
      await chrome.listen(true);
      await until('it goes on', () => server.open === 1);
      await host.revoke('chrome-vm', '@mic');
      await until('it is revoked', () => server.open === 0);
      assert.equal(state(), [true, false, false]);
      speak(server);
      assert.is(heard.length, 1);
    }),
  );
}

statements('9: nothing is granted after the broker has started again', () =>
  withHost(async (host) => {
    await host.grant('chrome-vm', '@mic', null, true);
    await host.broker.close();
    const at = (name: string): string => join(host.directory, name);
    const again = await startBroker({
      identity: at('keys/argus'),
      policy: at('policy'),
      audit: at('audit'),
      runtime: at('run'),
      watchPolicy: false,
      log: { level: 'silent' },
    });
    assert.equal(again.grants.list(), []);
    assert.equal(
      again
        .status()
        .domains.find(({ name }) => name === 'chrome-vm')
        ?.labels.includes('@mic'),
      false,
    );
    await again.close();
  }),
);

statements('10: a new start of the VM finds no grant, a carrier that broke for a moment finds its own', () =>
  withHost(async (host) => {
    const sockets = new Set<Socket>();
    const path = join(host.directory, 'blink.sock');
    const proxy = createServer((socket) => {
      const onward = dial(host.broker.carrierOf('chrome-vm').slice('unix:'.length));
      for (const each of [socket, onward]) each.on('error', () => {});
      socket.pipe(onward).pipe(socket);
      // Cut both ends. A broker that still has the old carrier would see the next session as a restart of the VM.
      sockets.add(socket).add(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(path, resolve));
    const vm = await connect({ carrier: `unix:${path}`, identity: await host.identity('chrome-vm') });
    await host.grant('chrome-vm', '@mic');
    const back = new Promise<void>((resolve) => vm.on('reconnected', () => resolve()));
    for (const socket of sockets) socket.destroy();
    await back;
    await until('it knows its labels again', () => vm.labels.includes('@mic'));
    await vm.close();
    await until('the grant has ended', () => host.broker.grants.list().length === 0);
    proxy.close();
  }),
);

statements('21: both states with every session, each time', () =>
  withHost(async (host) => {
    const codes: string[] = [];
    await codeRing(await host.connect('audio-vm'), codes);
    const first = await AudioEndpoint.start({ vm: await host.connect('chrome-vm'), audioVm: 'audio-vm' });
    await until('both have come', () => codes.length === 2);
    await first.listen(true);
    await first.cork(true);
    const second = await host.connect('chrome-vm'); // replaces the first, which reconnects and replaces this one
    await second.close();
    assert.equal(codes.slice(0, 4), [STOP, UNCORK, START, CORK]);
    await first.close();
  }),
);

statements('29: a VM that went is played to its end, and comes back without anybody’s help', () =>
  withHarness(async ({ host, server, service }) => {
    for (let start = 1; start <= 2; start++) {
      const vm = await host.connect('chrome-vm');
      const agent = await AudioEndpoint.start({ vm, audioVm: 'audio-vm' });
      await agent.play(FRAME);
      await agent.flush();
      await until('it is heard', () => server.heard('chrome-vm').length === start * FRAME.length);
      await vm.close();
      await until('the service has let it go', () => start === 2 || server.playbacks.length > 0);
    }
    await until('both streams are closed', () => server.open === 0);
    await until('nobody is left', () => service.clients.length === 0);
  }),
);

statements('30 and 33: no second service; with clients it is not stopped unless forced', () =>
  withHarness(async ({ audio, server, service, agent }) => {
    assert.is(await refusal(AudioService.start({ vm: audio, server })), 'ERR_AUDIO_SERVICE_BUSY');
    await agent('chrome-vm');
    await until('chrome-vm is there', () => service.clients.length === 1);
    assert.is(await refusal(service.stop({ force: false })), 'ERR_AUDIO_CLIENTS');
    assert.equal(service.clients, ['chrome-vm']);
  }),
);

const TWO_AUDIO_VMS = {
  'domains.yaml': (text: string) =>
    text.replace(
      '  - name: net-vm\n',
      '  - name: audio-vm-2\n    domid: 7\n    labels: ["@service", "@audio"]\n  - name: net-vm\n',
    ),
};

statements('31: another AudioVM: both directions move, and the permission is asked for anew', () =>
  withHarness(async ({ host, server, agent, service }) => {
    const heard: Uint8Array[] = [];
    const other = new MemoryServer();
    const second = await AudioService.start({ vm: await host.connect('audio-vm-2'), server: other });
    const chrome = await agent('chrome-vm', heard);
    await host.grant('chrome-vm', '@mic');
    await chrome.listen(true);
    await chrome.play(FRAME);
    await until('the first one serves', () => server.open === 2);
    const deny = await host.edit(
      'policy.csv',
      (text) => `${text}p, audio-vm-2, chrome-vm, audio-capture, send, deny\n`,
    );
    assert.is(deny.ok, true);
    await chrome.moveTo('audio-vm-2');
    await chrome.play(FRAME);
    await until('the second one plays', () => other.heard('chrome-vm').length === FRAME.length);
    await until('the first one hears no more', () => service.status().vms[0]?.asked === false);
    await until('the second one was asked', () => second.status().vms[0]?.asked === true);
    speak(other);
    assert.equal([other.captures.length, heard.length], [0, 0], 'what the first one might, the second one may not');
    await second.stop({ force: true });
  }, TWO_AUDIO_VMS),
);

statements('32: without an AudioVM the agent idles', () =>
  withHarness(async ({ host, service, agent }) => {
    const chrome = await agent('chrome-vm', [], null);
    await chrome.play(FRAME);
    await chrome.listen(true);
    assert.equal([chrome.counts.sent, chrome.counts.dropped, service.clients.length], [0, 1, 0]);
    assert.equal(await host.audited('send.denied'), []);
  }),
);

statements('37: who writes codes faster than they are delivered is not read', () =>
  withHost(async (host) => {
    const codes: string[] = [];
    await codeRing(await host.connect('audio-vm'), codes);
    const agent = await AudioEndpoint.start({ vm: await host.connect('chrome-vm'), audioVm: 'audio-vm' });
    const bridge = new VchanBridge(() => agent);
    await bridge.listen(host.directory);
    const peer = dial(join(host.directory, 'vchan-4714.sock'));
    const pairs = 200_000;
    const flood = Buffer.alloc(pairs * 8, Buffer.from(START + STOP, 'hex'));
    peer.on('error', () => {});
    assert.is(peer.write(flood), false);
    await until('some have come', () => codes.length > 1_000);
    assert.ok(peer.writableLength > 0, 'the rest waits at its sender');
    const valid = new Set([START, STOP, CORK, UNCORK]);
    assert.ok(codes.every((code) => valid.has(code)));
    peer.destroy();
    await bridge.close();
    await agent.close();
  }),
);

statements('38: a torn sample does not pass the broker', () =>
  withHarness(async ({ host }) => {
    const chrome = await host.connect('chrome-vm');
    const send = (bytes: number): Promise<unknown> =>
      refusal(chrome.sendv({ to: { domain: 'audio-vm', port: 4_713 }, iov: new Uint8Array(bytes) }));
    assert.equal([await send(4), await send(5), await send(1_763)], ['OK', 'EINVAL', 'EINVAL']);
  }),
);

statements('software that knows vchans: raw bytes in, cut anywhere, codes and raw bytes out', () =>
  withHarness(async ({ host, server, service, agent }) => {
    const holder: { bridge?: VchanBridge } = {};
    const vm = await host.connect('mail-vm');
    const mail = await AudioEndpoint.start({
      vm,
      audioVm: 'audio-vm',
      onCapture: (frame) => holder.bridge?.hear(frame),
    });
    const bridge = new VchanBridge(() => mail);
    holder.bridge = bridge;
    await bridge.listen(host.directory);
    await agent('chrome-vm');
    await host.grant('mail-vm', '@mic');
    const [sink, source] = [4_713, 4_714].map((port) => dial(join(host.directory, `vchan-${port}.sock`)));
    const samples = Buffer.from(Uint8Array.from({ length: 1_764 * 5 + 40 }, (_, index) => (index % 250) + 1));
    for (let at = 0; at < samples.length; at += 333) sink?.write(samples.subarray(at, at + 333));
    sink?.end();
    await until('all is heard', () => server.heard('mail-vm').length === samples.length);
    assert.ok(server.heard('mail-vm').equals(samples));
    const heard: Buffer[] = [];
    source?.on('data', (chunk) => heard.push(chunk));
    for (const byte of Buffer.from(`04000100${START}`, 'hex')) source?.write(Buffer.of(byte));
    await until('it asks', () => server.captures.length === 1);
    speak(server);
    await until('it hears', () => Buffer.concat(heard).length === FRAME.length);
    source?.write(Buffer.from(CORK, 'hex'));
    const phase = (): unknown => service.status().vms.find(({ vm }) => vm === 'mail-vm')?.playback;
    await until('it is corked', () => phase() === 'corked');
    source?.destroy();
    await until('nobody hears any more', () => server.captures[0]?.isClosed === true);
    await until('what the peer corked runs for the next one', () => phase() === 'running');
    await bridge.close();
    await mail.close();
  }),
);

statements(
  'a newer vchan peer replaces the older one, which leaves no half sample behind; the sockets are private',
  () =>
    withHarness(async ({ host, server }) => {
      const vm = await host.connect('mail-vm');
      const mail = await AudioEndpoint.start({ vm, audioVm: 'audio-vm' });
      const bridge = new VchanBridge(() => mail);
      await bridge.listen(host.directory);
      const path = join(host.directory, 'vchan-4713.sock');
      assert.is(statSync(path).mode & 0o777, 0o600);
      const older = dial(path);
      older.on('error', () => {});
      older.write(Buffer.alloc(1_764 + 2, 1)); // one frame, and the left half of a sample
      await until('the older one is heard', () => server.heard('mail-vm').length === 1_764);
      const newer = dial(path);
      const samples = Buffer.from(Uint8Array.from({ length: 1_764 }, (_, index) => (index % 4) + 10));
      newer.end(samples);
      await until('the newer one is heard', () => server.heard('mail-vm').length === 2 * 1_764);
      assert.ok(server.heard('mail-vm').subarray(1_764).equals(samples), 'left is left');
      await until('the older one is gone', () => older.destroyed);
      await bridge.close();
      await mail.close();
    }),
);

statements('the mixer sets every VM’s volume, mute and route, and hears none of them', () =>
  withHarness(async ({ host, audio, service, server, agent }) => {
    const [chrome] = [await agent('chrome-vm'), await agent('mail-vm')];
    await until('both are there', () => service.clients.length === 2);
    const gui = await host.connect('gui-vm');
    const mixer = await Mixer.start(gui, 'audio-vm');
    assert.equal((await mixer.read()).map(({ name, volume }) => `${name} ${volume}`).sort(), [
      'chrome-vm 100',
      'mail-vm 100',
    ]);
    const changed = await mixer.setVolume('chrome-vm', 150);
    assert.equal([changed.volume, changed.isMuted], [150, false]);
    await mixer.setMuted('mail-vm', true);
    assert.is((await mixer.setRoute('chrome-vm', 'headset')).route, 'headset');
    await chrome.play(FRAME);
    await until('the route is taken', () => server.playbacks.some(({ device }) => device === 'headset'));
    assert.is(await refusal(mixer.setVolume('rogue-vm', 10)), 'ERR_AUDIO_NO_VM');
    for (const port of [4_713, 4_714])
      assert.is(
        await refusal(audio.sendv({ to: { domain: 'gui-vm', port }, iov: FRAME })),
        'EACCES',
        `audio-vm may send nothing to gui-vm at ${port}`,
      );
    const app = await host.connect('net-vm');
    assert.is(await refusal(app.sendv({ to: { domain: 1, port: 4_715 }, iov: Uint8Array.of(1, 0, 0, 0) })), 'EACCES');
    await mixer.close();
    assert.is(await refusal(Mixer.start(app, 'audio-vm')), 'EACCES');
  }),
);

statements('34, 35: the volume of a VM outlives the VM and the broker', () =>
  withHarness(async ({ host, service, agent }) => {
    const at = (name: string): string => join(host.directory, name);
    const state = (): unknown[] => service.status().vms.map(({ vm, volume, muted }) => [vm, volume, muted]);
    const vm = await host.connect('chrome-vm');
    const first = await AudioEndpoint.start({ vm, audioVm: 'audio-vm' });
    await until('it is there', () => service.clients.length === 1);
    service.setVolume('chrome-vm', 40);
    service.setMuted('chrome-vm', true);
    await first.close();
    await until('it is gone', () => service.clients.length === 0);
    await agent('mail-vm');
    await until('another is there', () => service.clients.length === 1);
    assert.equal(state(), [['mail-vm', 100, false]], 'its volume is its own');
    const back = new Promise<void>((resolve) => vm.on('reconnected', () => resolve()));
    await host.broker.close();
    const again = await startBroker({
      identity: at('keys/argus'),
      policy: at('policy'),
      audit: at('audit'),
      runtime: at('run'),
      watchPolicy: false,
      log: { level: 'silent' },
    });
    await back;
    const endpoint = await AudioEndpoint.start({ vm, audioVm: 'audio-vm' });
    await until('it is back', () => service.clients.includes('chrome-vm'));
    assert.ok(state().some((each) => JSON.stringify(each) === '["chrome-vm",40,true]'));
    await endpoint.close();
    await again.close();
  }),
);

statements.run();
