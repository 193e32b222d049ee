/**
 * The vchans of Qubes' own programs, without a broker: what the guest module says reaches the VM's endpoint, what the
 * AudioVM's service plays reaches pacat-simple-vchan, and back.
 */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VchanBridge, VchanServer } from '../../../../clients/agents/audio/index.ts';
import { guestVchans, vchanPath } from '../../../../clients/agents/audio/vchan/names.ts';
import type { GuestSound } from '../../../../clients/agents/audio/vchan/vchan-bridge.ts';
import { until } from '../../../support/audio/host.ts';
import { chunksOf, GuestModuleDouble, PacatDouble } from '../../../support/audio/qubes-programs.ts';
import { Random } from '../../../support/random.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const vchan = suite('audio vchans');

const VM = 101;
const AUDIO_VM = 5;
const files = (directory: string, client = AUDIO_VM): { playback: string; capture: string } => ({
  playback: vchanPath(directory, { server: VM, client }, 4_713),
  capture: vchanPath(directory, { server: VM, client }, 4_714),
});

/** What a VM's endpoint is told. */
class Sound implements GuestSound {
  readonly played: Uint8Array[] = [];
  readonly said: string[] = [];
  play = async (bytes: Uint8Array): Promise<void> => void this.played.push(bytes.slice());
  flush = async (): Promise<void> => void this.said.push('flush');
  listen = async (isListening: boolean): Promise<void> => void this.said.push(isListening ? 'start' : 'stop');
  cork = async (isCorked: boolean): Promise<void> => void this.said.push(isCorked ? 'cork' : 'uncork');

  get bytes(): Buffer {
    return Buffer.concat(this.played);
  }
}

interface Guest {
  readonly directory: string;
  readonly sound: Sound;
  readonly bridge: VchanBridge;
  readonly module: GuestModuleDouble;
}

async function withGuest(work: (guest: Guest) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const sound = new Sound();
  const bridge = new VchanBridge(() => sound);
  const module = new GuestModuleDouble(files(directory));
  const names = { domid: VM, domidOf: async () => AUDIO_VM };
  try {
    bridge.connect(guestVchans(names, directory, () => 'audio-vm'));
    await work({ directory, sound, bridge, module });
  } finally {
    await bridge.close();
    module.stop();
  }
}

vchan('files are named as libvchan-socket names them: server, client, port', () => {
  assert.is(vchanPath('/run/vchan', { server: 101, client: 5 }, 4_713), '/run/vchan/vchan.101.5.4713.sock');
});

vchan('chunks of 16 to 8 260 bytes of the guest module arrive byte by byte', () =>
  withGuest(async ({ sound, bridge, module }) => {
    module.start();
    await until('both are connected', () => bridge.rounds === 1 && module.connected.capture === 1);
    const random = new Random(1);
    const samples = random.bytes(200_000);
    const chunks = chunksOf(samples, random);
    assert.ok(chunks.every(({ length }) => length <= 8_260));
    for (const chunk of chunks) module.play(chunk);
    await until('all is there', () => sound.bytes.length === samples.length);
    assert.ok(sound.bytes.equals(samples));
  }),
);

vchan('nothing counts before both vchans are up at once', () =>
  withGuest(async ({ sound, bridge, module }) => {
    module.playback.listen();
    await until('the first is up', () => module.connected.playback === 1);
    module.play(new Uint8Array(64).fill(7));
    assert.equal([bridge.rounds, sound.played.length], [0, 0]);
    module.capture.listen();
    await until('what was said before is heard', () => sound.bytes.length === 64);
    assert.is(bridge.rounds, 1);
    assert.is(module.connected.playback, 1, 'one connection');
  }),
);

vchan(
  'the module listens again after each end: connected again, at a whole sample, source stopped and sink running',
  () =>
    withGuest(async ({ sound, bridge, module }) => {
      module.start();
      for (let round = 1; round <= 3; round++) {
        await until('both are connected', () => bridge.rounds === round && module.connected.capture === round);
        module.say(0x0001_0001, 0x0002_0000);
        module.play(new Uint8Array(8).fill(round));
        await until('it is heard', () => sound.said.includes('cork') && sound.bytes.length === 8 * round);
        (round === 2 ? module.playback : module.capture).hangUp();
        // After the cork: what was under way is flushed, and the next peer begins as a new one does.
        await until('it is over', () => {
          const after = sound.said.slice(sound.said.indexOf('cork'));
          return ['flush', 'stop', 'uncork'].every((word) => after.includes(word));
        });
        sound.said.length = 0;
      }
    }),
);

vchan('0x00010003 and 0x00010004 greet and change nothing; the states after them count', () =>
  withGuest(async ({ sound, bridge, module }) => {
    module.isRecording = true;
    module.isPlaying = false;
    module.start();
    await until('it greeted', () => sound.said.length === 2 && bridge.rounds === 1);
    assert.equal(sound.said, ['start', 'cork']);
    module.say(0x0001_0003, 0x0001_0004, 0xffff_ffff, 0x0002_0001);
    await until('the next known code is obeyed', () => sound.said.length === 3);
    assert.is(sound.said.at(-1), 'uncork');
  }),
);

vchan('what the VM hears reaches the module', () =>
  withGuest(async ({ bridge, module }) => {
    module.isRecording = true;
    module.start();
    await until('both are connected', () => bridge.rounds === 1 && module.connected.capture === 1);
    bridge.hear(new Uint8Array(1_764).fill(9));
    await until('it is recorded', () => Buffer.concat(module.recorded).length === 1_764);
  }),
);

vchan('another AudioVM is another file; without one, or with an unknown one, nothing is connected', async () => {
  const directory = temporaryDirectory();
  const sound = new Sound();
  const bridge = new VchanBridge(() => sound);
  const module = new GuestModuleDouble(files(directory, 7));
  let audioVm: string | null = null;
  const asked: string[] = [];
  const domidOf = async (name: string): Promise<number> => {
    asked.push(name);
    if (name === 'nobody') throw new Error('unknown');
    return name === 'audio-vm' ? AUDIO_VM : 7;
  };
  bridge.connect(guestVchans({ domid: VM, domidOf }, directory, () => audioVm));
  module.start();
  for (const name of ['nobody', 'audio-vm', 'audio-vm-2']) {
    audioVm = name;
    bridge.redial();
    await until('it is asked for', () => asked.includes(name));
  }
  await until('the second one is connected', () => bridge.rounds === 1);
  assert.ok(asked.includes('audio-vm'), 'and left again, although nothing listened there');
  await bridge.close();
  module.stop();
});

interface Service {
  readonly directory: string;
  readonly server: VchanServer;
  readonly pacat: PacatDouble;
}

async function withService(work: (service: Service) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const server = new VchanServer({ directory, client: AUDIO_VM });
  const pacat = new PacatDouble(files(directory));
  try {
    await work({ directory, server, pacat });
  } finally {
    server.detach('chrome-vm');
    pacat.stop();
    await server.settled();
  }
}

const EVENTS = { onWanted: () => {}, onLost: () => {} };
const GREETING = 0x0001_0004;

vchan('pacat waits for the VM, is greeted with both states, and plays byte by byte', () =>
  withService(async ({ directory, server, pacat }) => {
    pacat.start();
    writeFileSync(files(directory).playback, 'of an earlier service');
    server.attach('chrome-vm', VM);
    await until('it is greeted', () => pacat.codes.length === 3);
    assert.equal(pacat.codes, [GREETING, 0x0001_0000, 0x0002_0000]);
    for (const path of Object.values(files(directory))) assert.is(statSync(path).mode & 0o777, 0o600, path);
    const stream = server.openPlayback('chrome-vm', null, EVENTS);
    const samples = new Random(2).bytes(40_000);
    for (let at = 0; at < samples.length; at += 1_764) stream.write(samples.slice(at, at + 1_764));
    await until('all is played', () => Buffer.concat(pacat.played).length === samples.length);
    assert.ok(Buffer.concat(pacat.played).equals(samples));
    stream.close();
    await until('it corks', () => pacat.isCorked);
    assert.equal(pacat.codes.slice(3), [0x0002_0001, 0x0002_0000]);
  }),
);

vchan('it is asked for the microphone and heard while the VM listens, in whole samples, and not after', () =>
  withService(async ({ server, pacat }) => {
    server.attach('chrome-vm', VM);
    pacat.start();
    await until('it is greeted', () => pacat.codes.length === 3);
    const heard: Uint8Array[] = [];
    pacat.speak(Uint8Array.of(1, 1)); // half a sample, before it was asked
    const capture = server.openCapture(
      'chrome-vm',
      (bytes) => void heard.push(bytes.slice()),
      () => {},
    );
    await until('it is asked', () => pacat.isRequested);
    pacat.speak(Uint8Array.of(1, 1, 2, 2, 2, 2, 3));
    await until('whole samples are heard', () => Buffer.concat(heard).length === 8);
    assert.equal([...Buffer.concat(heard)], [1, 1, 1, 1, 2, 2, 2, 2]);
    capture.close();
    await until('it is told to stop', () => !pacat.isRequested);
    pacat.speak(new Uint8Array(9).fill(3));
    const again = server.openCapture(
      'chrome-vm',
      (bytes) => void heard.push(bytes.slice()),
      () => {},
    );
    await until('it is asked again', () => pacat.isRequested);
    pacat.speak(new Uint8Array(6).fill(4));
    await until('it is heard again', () => Buffer.concat(heard).at(-1) === 4);
    assert.is(Buffer.concat(heard).length % 4, 0);
    again.close();
  }),
);

vchan('a newer peer replaces the older one and is greeted; a VM that goes takes its files along', () =>
  withService(async ({ directory, server, pacat }) => {
    server.attach('chrome-vm', VM);
    pacat.start();
    await until('it is greeted', () => pacat.codes.length === 3);
    const other = new PacatDouble(files(directory));
    other.start();
    await until('the other one is greeted', () => other.codes.length >= 3);
    other.stop();
    await until('the first one is back', () => pacat.rounds >= 2 && pacat.codes.length >= 6);
    server.detach('chrome-vm');
    await server.settled();
    for (const path of Object.values(files(directory))) assert.not(existsSync(path), path);
    server.attach('chrome-vm', VM);
    const rounds = pacat.rounds;
    await until('the VM is back, and so is pacat', () => pacat.rounds > rounds);
  }),
);

vchan('a program that does not read holds a bounded part, the rest is dropped and counted', () =>
  withService(async ({ directory, server }) => {
    server.attach('chrome-vm', VM);
    await server.settled();
    const deaf = dial(files(directory).playback);
    await new Promise<void>((resolve) => deaf.once('connect', () => resolve()));
    const stream = server.openPlayback('chrome-vm', null, EVENTS);
    await until('it is dropped', () => {
      for (let count = 0; count < 100; count++) stream.write(new Uint8Array(17_640));
      return server.droppedOf('chrome-vm') > 0;
    });
    deaf.destroy();
    stream.close();
  }),
);

vchan('a directory that is not there is a fault, and the VM is silent', async () => {
  const faults: string[] = [];
  const onFault = (vm: string): void => void faults.push(vm);
  const server = new VchanServer({ directory: '/nonexistent', client: AUDIO_VM, onFault });
  server.attach('chrome-vm', VM);
  await server.settled();
  assert.equal(faults, ['chrome-vm']);
  const stream = server.openPlayback('chrome-vm', null, EVENTS);
  stream.write(new Uint8Array(4));
  stream.close();
});

vchan.run();
