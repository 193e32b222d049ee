/**
 * A guest that changes its queues while they are read, over a whole vhost-user connection: a VMM in another process with
 * a file of memory, eventfds and kicks, and the device with its event loop in this one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConsoleDevice } from '../../clients/devices/console/index.ts';
import { NetDevice } from '../../clients/devices/net/index.ts';
import { SoundDevice } from '../../clients/devices/sound/index.ts';
import { openSystem } from '../../clients/devices/sys/index.ts';
import { serveVhostUser, type VirtioDevice } from '../../clients/devices/vhost-user/index.ts';
import { VsockDevice } from '../../clients/devices/vsock/index.ts';
import { FakeClock } from '../support/clock.ts';
import { LOADER, programFile } from '../support/program.ts';
import { fuzzUntil, SEED } from '../support/seed.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NEIGHBOUR_MARK, type RacingResult, type RacingSetup } from './guest/racing.ts';

const racing = suite('a guest that changes its queues while a device process serves them');

/** Enough for a broken check to show, on a busy machine too. */
const MIN_CHAINS = 100;

/** A device whose other side is `take`. `poke` lets the other side speak. */
interface Subject {
  readonly device: VirtioDevice;
  readonly poke: () => void;
  readonly beginnings: RacingSetup['beginnings'];
}
type Take = (bytes: Uint8Array) => void;

const SUBJECTS: readonly (readonly [name: string, isPacked: boolean, make: (take: Take) => Subject])[] = [
  ['network card with split queues', false, netSubject],
  ['network card with packed queues', true, netSubject],
  ['vsock', false, vsockSubject],
  ['sound card', false, soundSubject],
  ['console', false, consoleSubject],
];

function netSubject(take: Take): Subject {
  const device = new NetDevice({ send: take, maxFrameBytes: 2_000 });
  return { device, poke: () => device.write(Buffer.alloc(700)), beginnings: [new Array<number>(12).fill(0)] };
}

function vsockSubject(take: Take): Subject {
  const exchange = {
    ...{ cid: 5, underWayBytes: 0, expectAnswers: () => Promise.resolve(true), endAnswers: () => {} },
    send: (_peer: number, _port: number, _message: object, payload: Uint8Array) => take(payload),
  };
  const device = new VsockDevice(exchange, new FakeClock());
  const request = [5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
  const message = { operation: 1, type: 1, sourcePort: 7, destinationPort: 22, flags: 0, bufAlloc: 1_000, fwdCnt: 0 };
  return {
    device,
    poke: () => device.received(9, 22, message as Parameters<VsockDevice['received']>[2], Buffer.alloc(0)),
    beginnings: [request],
  };
}

function soundSubject(take: Take): Subject {
  const ignore = (): void => {};
  const side = { mayHear: true, play: take, setPlaying: ignore, setListening: ignore, ask: ignore };
  const clock = new FakeClock();
  const device = new SoundDevice(side, clock);
  const parameters = [1, 1, 0, 0, 0, 0, 0, 0, 128, 7, 0, 0, 192, 3, 0, 0, 0, 0, 0, 0, 2, 5, 7, 0];
  return {
    device,
    poke: () => clock.advance(5),
    beginnings: [parameters, [2, 1, 0, 0, 0, 0, 0, 0], [4, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0]],
  };
}

function consoleSubject(take: Take): Subject {
  const device = new ConsoleDevice({ take });
  return { device, poke: () => void device.write(Buffer.alloc(100)), beginnings: [[65]] };
}

for (const [name, isPacked, make] of SUBJECTS) {
  racing(`${name}: each kick ends, nothing of another guest is touched, and the VMM stays attached`, async () => {
    const path = join(temporaryDirectory(), 'device');
    let [chains, faults, isLeaking] = [0, 0, false];
    const { device, poke, beginnings } = make((bytes) => {
      isLeaking ||= Buffer.from(bytes).includes(NEIGHBOUR_MARK);
    });
    const service = device.service.bind(device);
    device.service = (index, queue, budget) => {
      const done = service(index, queue, budget);
      chains += done;
      return done;
    };
    const events: string[] = [];
    const served = await serveVhostUser(openSystem(), path, device, (event) => {
      if (event === 'guest-fault') faults++;
      else events.push(event);
    });
    const setup: RacingSetup = { path, queues: device.queueCount, isPacked, seed: SEED, beginnings };
    const child = fork(programFile('test/devices/guest/racing-front-end.ts'), [JSON.stringify(setup)], {
      execArgv: [...LOADER],
    });
    const ended = once(child, 'message') as Promise<[RacingResult]>;
    const died = once(child, 'exit').then(() => assert.unreachable('the VMM ended'));
    died.catch(() => {});
    try {
      while (chains < MIN_CHAINS || faults === 0)
        await fuzzUntil(async () => {
          poke();
          await Promise.race([died, new Promise((resolve) => setImmediate(resolve))]);
        });
      child.send('stop');
      const [{ changes, resets, isNeighbourIntact }] = await ended;
      assert.not.ok(isLeaking, 'bytes of another guest');
      assert.ok(isNeighbourIntact, 'nothing of another guest was written');
      assert.ok(changes > 0 && resets > 0);
      process.stdout.write(`${name}: ${chains} chains, ${changes} changes, ${faults} faults, ${resets} resets\n`);
    } finally {
      child.kill('SIGKILL');
      served.close();
    }
    assert.equal(events.slice(0, 1), ['attached']);
    assert.not.ok(events.includes('vmm-fault'));
  });
}

racing.run();
