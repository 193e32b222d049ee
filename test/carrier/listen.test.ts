/** A listener lets in as many unauthenticated carriers as it has places, and closes the next one without a word. */
import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Accept, type Listener, listenTcp, listenUnix } from '../../broker/carrier/listen.ts';
import type { Release } from '../../broker/carrier/places.ts';
import { MAX_UNAUTHENTICATED_TCP, MAX_UNAUTHENTICATED_UNIX } from '../../broker/process/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const listeners = suite('listeners');

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

listeners.run();
