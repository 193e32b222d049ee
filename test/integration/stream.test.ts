/** Streams through a whole broker: what arrives, from whom, in what order, and what a slow reader does to others. */
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { Broker } from '../../broker/index.ts';
import type { ConnectOptions, Ring, Vm } from '../../clients/sdk/index.ts';
import { onEachCarrier } from '../support/installation/carriers.ts';
import {
  codeOf,
  DATA_PORT,
  Installation,
  nextEvent,
  PLAYBACK_PORT,
  withInstallation,
} from '../support/installation/installation.ts';
import { seededRandom } from '../support/seed.ts';

const stream = onEachCarrier('streams through a broker');

/** 10 ms of 44.1 kHz S16LE stereo. */
const FRAME_BYTES = 1_764;
const FRAMES = 1_000;
const DEADLINE_MS = 20_000;

/** Reads so many messages and hashes their payloads. */
async function hashOf(ring: Ring, count: number): Promise<string> {
  const hash = createHash('sha256');
  for (let read = 0; read < count; read++) {
    const message = await ring.receive();
    if (message === undefined) throw new Error('the ring ended');
    hash.update(message.payload);
  }
  return hash.digest('hex');
}

async function play(vm: Vm, pcm: Uint8Array): Promise<void> {
  const sends: Promise<number>[] = [];
  for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
    const iov = pcm.subarray(at, at + FRAME_BYTES);
    sends.push(vm.sendv({ to: { domain: 'audio-vm', port: PLAYBACK_PORT }, iov, deadline: DEADLINE_MS }));
  }
  const accepted = await Promise.all(sends);
  assert.ok(accepted.every((bytes) => bytes === FRAME_BYTES));
}

/** `at`: what both ends connect to instead of their own carriers. */
async function streamAudio(
  installation: Installation,
  broker: Broker,
  at: Partial<ConnectOptions> = {},
): Promise<void> {
  const audio = await installation.connect('audio-vm', at);
  const chrome = await installation.connect('chrome-vm', at);
  const pcm = seededRandom(1).bytes(FRAMES * FRAME_BYTES);
  // Smaller than what is sent, so that the stream has to wait for its reader many times.
  const ring = await audio.registerRing({ port: PLAYBACK_PORT, partner: 'any', length: 65_536 });
  const [heard] = await Promise.all([hashOf(ring, FRAMES), play(chrome, pcm)]);
  assert.is(heard, createHash('sha256').update(pcm).digest('hex'));
  assert.is(broker.status().messages, FRAMES);
}

stream('audio arrives as the same bytes in the same order', (carrier) =>
  withInstallation({ carrier }, async (installation) => streamAudio(installation, await installation.broker())),
);

stream.only('unix', 'and over TCP, which is a socket like it', 'audio arrives as the same bytes', () =>
  withInstallation({}, async (installation) => {
    const broker = await installation.broker({ tcp: '127.0.0.1:0' });
    await streamAudio(installation, broker, { carrier: broker.tcp ?? '' });
  }),
);

stream('a message tells who sent it: domid, name and labels of the session, port and type of the sender', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    const [mail, audio] = [await installation.connect('mail-vm'), await installation.connect('audio-vm')];
    const ring = await mail.registerRing({ port: DATA_PORT, partner: 'audio-vm', length: 4_096 });
    await audio.registerRing({ port: 99, partner: 'mail-vm', length: 4_096 });
    await audio.sendv({
      to: { domain: 'mail-vm', port: DATA_PORT },
      from: 99,
      type: 7,
      iov: [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)],
    });
    const message = await ring.receive();
    assert.equal(message?.source, { domid: 1, name: 'audio-vm', labels: ['@audio', '@member'] });
    assert.is(message?.port, 99);
    assert.is(message?.type, 7);
    assert.equal([...(message?.payload ?? [])], [1, 2, 3]);
  }),
);

stream('what the sender does to its buffer after the call changes nothing', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 4_096 });
    const buffer = Buffer.from('before');
    const sent = chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: buffer });
    buffer.fill('x');
    await sent;
    assert.is(Buffer.from((await ring.receive())?.payload ?? []).toString(), 'before');
  }),
);

stream(
  'sends with a deadline wait for room and keep their order; without one they get EAGAIN and a space event',
  (carrier) =>
    withInstallation({ carrier }, async (installation) => {
      await installation.broker();
      const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
      const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 1_024 });
      const to = { domain: 'mail-vm', port: DATA_PORT };
      const numbered = (value: number, deadline?: number): Promise<number> =>
        chrome.sendv({ to, type: value, iov: new Uint8Array(200), ...(deadline === undefined ? {} : { deadline }) });

      for (let value = 0; value < 4; value++) await numbered(value);
      const space = nextEvent(chrome, 'space');
      assert.is(await codeOf(numbered(99)), 'EAGAIN');
      const waiting = Array.from({ length: 20 }, (_, index) => numbered(4 + index, DEADLINE_MS));
      const types: number[] = [];
      while (types.length < 24) types.push((await ring.receive())?.type ?? -1);
      assert.equal(types, [...types.keys()]);
      assert.ok((await Promise.all(waiting)).every((bytes) => bytes === 200));
      assert.equal(await space, { domid: 3, port: DATA_PORT });
    }),
);

stream('a deadline that passes is ETIMEDOUT, and the message is never delivered', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    await installation.broker();
    const [mail, chrome] = [await installation.connect('mail-vm'), await installation.connect('chrome-vm')];
    const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 256 });
    const to = { domain: 'mail-vm', port: DATA_PORT };
    await chrome.sendv({ to, type: 1, iov: new Uint8Array(200) });
    assert.is(await codeOf(chrome.sendv({ to, type: 2, iov: new Uint8Array(200), deadline: 50 })), 'ETIMEDOUT');
    assert.is((await ring.receive())?.type, 1);
    assert.is(await chrome.sendv({ to, type: 3, iov: new Uint8Array(200), deadline: DEADLINE_MS }), 200);
    assert.is((await ring.receive())?.type, 3);
  }),
);

stream('a receiver that does not read holds no more than its ring, and stalls nobody else', (carrier) =>
  withInstallation({ carrier }, async (installation) => {
    const broker = await installation.broker();
    const audio = await installation.connect('audio-vm');
    const mail = await installation.connect('mail-vm');
    const chrome = await installation.connect('chrome-vm');
    const length = 65_536;
    await mail.registerRing({ port: DATA_PORT, partner: 'any', length });
    const ring = await audio.registerRing({ port: PLAYBACK_PORT, partner: 'any', length });

    // Far more than the ring holds, to the one that does not read.
    const blocked = Array.from({ length: 500 }, () =>
      chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: new Uint8Array(1_000), deadline: DEADLINE_MS }),
    );
    const outcomes = Promise.allSettled(blocked);
    const pcm = seededRandom(2).bytes(FRAMES * FRAME_BYTES);
    const [heard] = await Promise.all([hashOf(ring, FRAMES), play(chrome, pcm)]);
    assert.is(heard, createHash('sha256').update(pcm).digest('hex'));
    const held = broker.status().domains.find(({ name }) => name === 'mail-vm')?.rings[0]?.used ?? -1;
    assert.ok(held > length / 2 && held <= length, `${held} of ${length} bytes`);
    await mail.close();
    await chrome.close();
    const settled = await outcomes;
    assert.ok(settled.filter(({ status }) => status === 'fulfilled').length <= length / 1_008);
  }),
);

stream('everything that was started ends', async (carrier) => {
  const installation = await Installation.set({ carrier });
  const broker = await installation.broker();
  await installation.connect('chrome-vm');
  await installation.close();
  await broker.close(); // again
  assert.ok((await installation.verify()).ok);
});

stream.run();
