/** A NIC whose QEMU listens: connected when QEMU is there, and again after each restart of it. */
import { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QEMU_RETRY_MS } from '../../../../clients/agents/network/limits.ts';
import { connectQemu } from '../../../../clients/agents/network/link/qemu-connect.ts';
import { FakeClock } from '../../../support/clock.ts';

const nic = suite('a NIC whose QEMU listens');

/** QEMU's end of one connection. */
class Socket extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start() {
  const clock = new FakeClock();
  const sockets: Socket[] = [];
  const events: string[] = [];
  const connection = connectQemu({
    path: '/run/vm/nic.sock',
    onFrame: (frame) => void events.push(`frame of ${frame.length}`),
    onAttached: () => void events.push('attached'),
    onDetached: () => void events.push('detached'),
    schedule: clock.schedule,
    dial: () => {
      const socket = new Socket();
      sockets.push(socket);
      return socket;
    },
  });
  return { clock, sockets, events, connection };
}

nic('it is tried until QEMU listens', async () => {
  const { clock, sockets, events } = start();
  for (let attempt = 1; attempt <= 3; attempt++) {
    sockets.at(-1)?.destroy(new Error('nobody listens'));
    await turn();
    assert.is(sockets.length, attempt);
    clock.advance(QEMU_RETRY_MS);
    assert.is(sockets.length, attempt + 1, 'and not before its time');
  }
  sockets.at(-1)?.emit('connect');
  assert.equal(events, ['attached']);
});

// The other way round than QEMU's own reconnect, which 7.2 does not have (lima 5027).
nic('after a restart of QEMU it is connected again, and frames flow', async () => {
  const { clock, sockets, events } = start();
  for (let machine = 0; machine < 3; machine++) {
    const socket = sockets[machine];
    socket?.emit('connect');
    socket?.push(Uint8Array.of(0, 0, 0, 2, 7, 7));
    await turn();
    if (machine === 1) socket?.destroy(new Error('reset'));
    else socket?.push(null);
    await turn();
    clock.advance(QEMU_RETRY_MS);
  }
  assert.equal(events, Array(3).fill(['attached', 'frame of 2', 'detached']).flat());
  assert.is(sockets.length, 4);
});

nic('a closed one is not tried again', async () => {
  for (const isConnected of [false, true]) {
    const { clock, sockets, connection } = start();
    if (isConnected) sockets[0]?.emit('connect');
    connection.close();
    await turn();
    assert.is(clock.pendingTimers, 0);
    assert.ok(sockets[0]?.destroyed);
  }
});

nic('a closed one leaves no attempt behind', async () => {
  const { clock, sockets, connection } = start();
  sockets[0]?.destroy(new Error('nobody listens'));
  await turn();
  connection.close();
  assert.is(clock.pendingTimers, 0);
});

nic.run();
