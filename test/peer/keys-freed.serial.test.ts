/** A session gives its keys back, however it ends. In a process of its own: keys are counted for the whole process. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { liveKeys } from '../../keys/aead/select.ts';
import { PeerHarness, turns } from '../support/peer/harness.ts';

const freed = suite('keys freed');

freed('a session that ends gives its keys back, however it ends', async () => {
  const harness = await PeerHarness.open('a');
  const before = liveKeys();
  const ends: readonly (readonly [string, (name: string) => Promise<void>])[] = [
    [
      'the carrier breaks',
      async () => {
        (await harness.connect('a')).carrier.lose();
      },
    ],
    [
      'the peer breaks the protocol',
      async () => {
        (await harness.connect('a')).carrier.feed(new Uint8Array(24));
      },
    ],
    [
      'a newer session replaces it',
      async () => {
        await harness.connect('a');
        (await harness.connect('a')).carrier.lose();
      },
    ],
    [
      'a newer session replaces it on the same carrier',
      async () => {
        const client = await harness.connect('a');
        const first = client.established;
        if (!(await client.handshake())) throw new Error('not let in again');
        first?.free();
        client.carrier.lose();
      },
    ],
    [
      'a hello that is never proved',
      async () => {
        const client = await harness.client('a');
        await client.sayHello();
        await client.takeWelcome();
        client.established?.free();
        client.carrier.lose();
      },
    ],
    [
      'a proof that does not open',
      async () => {
        const client = await harness.client('a');
        await client.sayHello();
        await client.takeWelcome();
        const record = client.seal(new Uint8Array(40));
        record[30] = (record[30] ?? 0) ^ 1;
        client.established?.free();
        client.carrier.feed(record);
      },
    ],
  ];
  for (const [label, end] of ends) {
    await end('a');
    await turns(8);
    // The clients of this file keep theirs: two for each session that came about.
    for (const session of harness.clients.splice(0)) session.established?.free();
    assert.is(liveKeys(), before, label);
  }
  harness.close();
});

freed.run();
