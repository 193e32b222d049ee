/** A listener lets in as many unauthenticated carriers as it has places, and closes the next one without a word. */
import { pbkdf2 } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Accept, type Listener, listenTcp, listenUnix } from '../../broker/carrier/listen.ts';
import type { Release } from '../../broker/carrier/places.ts';
import { MAX_UNAUTHENTICATED_TCP, MAX_UNAUTHENTICATED_UNIX } from '../../broker/process/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const listeners = suite('listeners');
const slow = promisify(pbkdf2);

const WAYS: readonly {
  readonly name: string;
  readonly places: number;
  listen(accept: Accept): Promise<{ readonly listener: Listener; readonly dialIn: () => Socket }>;
}[] = [
  {
    name: 'a unix socket',
    places: MAX_UNAUTHENTICATED_UNIX,
    listen: async (accept) => {
      const path = join(temporaryDirectory(), 'chrome-vm.sock');
      const place = { path, domain: 'chrome-vm', tellsOfRestart: true, handedOver: null };
      return { listener: await listenUnix(place, accept), dialIn: () => dial(path) };
    },
  },
  {
    name: 'TCP',
    places: MAX_UNAUTHENTICATED_TCP,
    listen: async (accept) => {
      const listener = await listenTcp('127.0.0.1', 0, accept);
      const port = Number(listener.address.split(':').at(-1));
      return { listener, dialIn: () => dial(port, '127.0.0.1') };
    },
  },
];

for (const { name, places, listen } of WAYS)
  listeners(`${name}: ${places} strangers at a time, the next one is let in when one of them has left`, async () => {
    const releases: Release[] = [];
    let onAccepted = (): void => {};
    const { listener, dialIn } = await listen((_carrier, release) => {
      releases.push(release);
      onAccepted();
    });
    const sockets: Socket[] = [];
    const come = async (): Promise<'let in' | 'closed'> => {
      const socket = dialIn().on('error', () => {});
      sockets.push(socket.resume());
      return Promise.race([
        new Promise<'let in'>((resolve) => {
          onAccepted = () => resolve('let in');
        }),
        once(socket, 'close').then(() => 'closed' as const),
      ]);
    };
    try {
      for (let count = 0; count < places; count++) assert.is(await come(), 'let in', `stranger ${count + 1}`);
      assert.is(await come(), 'closed');
      releases[0]?.(false);
      assert.is(await come(), 'let in');
      assert.is(await come(), 'closed');
    } finally {
      listener.close();
      for (const socket of sockets) socket.destroy();
    }
  });

listeners('a VMM that connects while its socket is handed over is let in, not left without an answer', async () => {
  const path = join(temporaryDirectory(), 'chrome-vm.sock');
  const making = `${path}.making`;
  // Handing over waits for a thread, and these keep all of them.
  const busy = Array.from({ length: 8 }, () => slow('', '', 200_000, 64, 'sha512'));
  let accepted = 0;
  const handedOver = { to: { user: 'me', uid: process.getuid?.() ?? 0 }, making };
  const made = listenUnix({ path, domain: 'chrome-vm', tellsOfRestart: false, handedOver }, () => accepted++);
  while (!existsSync(making)) await turn();
  const vmm = dial(making).on('error', () => {});
  try {
    await once(vmm, 'connect');
    // The event of the server comes in the same turn of the loop, or in the next.
    for (let turns = 0; turns < 100 && accepted === 0; turns++) await turn();
    assert.is(accepted, 1);
  } finally {
    vmm.destroy();
    (await made).close();
    await Promise.all(busy);
  }
});

listeners('the socket of a domain is its user’s alone from the beginning, whatever the mask', async () => {
  const path = join(temporaryDirectory(), 'chrome-vm.sock');
  const mask = process.umask(0);
  const made = listenUnix({ path, domain: 'chrome-vm', tellsOfRestart: true, handedOver: null }, () => {});
  try {
    // Nothing but microtasks: no other step of the listener comes between.
    for (let turns = 0; turns < 100 && !existsSync(path); turns++) await null;
    assert.is(statSync(path).mode & 0o777, 0o600);
  } finally {
    process.umask(mask);
    (await made).close();
  }
});

listeners.run();
