/** The SDK against the real broker, over real sockets, under the shipped policy. */
import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Broker, startBroker } from '../../broker/index.ts';
import {
  type ArgusError,
  type ConnectOptions,
  connect,
  type Message,
  type Ring,
  type Vm,
} from '../../clients/sdk/index.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const test = suite('sdk: with a broker');
/** Shipped policy: apps may play to audio-vm's port 4713, in whole frames of 4 bytes. */
const PLAYBACK = { domain: 'audio-vm', port: 4713 } as const;

class PolicyHarness {
  readonly #directory: string;
  #broker: Broker | null = null;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** `about`: another line for chrome-vm in domains.yaml. */
  static async build(about: string | null = null): Promise<PolicyHarness> {
    const directory = temporaryDirectory();
    const authority = await createAuthority(`${directory}/authority`, 'unsealed');
    await issueIdentity(
      authority,
      `${directory}/argus`,
      { name: 'argus', role: 'broker', ttlSeconds: 3600 },
      'unsealed',
    );
    for (const name of ['audio-vm', 'chrome-vm'])
      await issueIdentity(authority, `${directory}/${name}`, { name, role: 'domain', ttlSeconds: 3600 }, 'unsealed');
    await copyShippedPolicy(`${directory}/policy`);
    if (about !== null) {
      const file = `${directory}/policy/domains.yaml`;
      const text = readFileSync(file, 'utf8').replace('- name: chrome-vm\n', `$&    ${about}\n`);
      writeFileSync(file, text);
    }
    const harness = new PolicyHarness(directory);
    await harness.open();
    return harness;
  }

  async open(): Promise<void> {
    const at = this.#directory;
    this.#broker = await startBroker({
      identity: `${at}/argus`,
      policy: `${at}/policy`,
      audit: `${at}/audit`,
      runtime: `${at}/run`,
      watchPolicy: false,
      log: { level: 'silent' },
    });
  }

  async close(): Promise<void> {
    await this.#broker?.close();
    this.#broker = null;
  }

  /** Of the domain's session. */
  suiteOf(name: string): string | null {
    return this.#broker?.status().domains.find((domain) => domain.name === name)?.suite ?? null;
  }

  connect(name: string, carrierOf = name, more: Partial<ConnectOptions> = {}): Promise<Vm> {
    return connect({
      ...more,
      carrier: `unix:${this.#directory}/run/${carrierOf}.sock`,
      identity: `${this.#directory}/${name}`,
      broker: 'argus',
    });
  }
}

function numbered(number: number, bytes = 64): Uint8Array {
  const payload = new Uint8Array(bytes);
  new DataView(payload.buffer).setUint32(0, number, true);
  return payload;
}

function numberOf({ payload }: Message): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'OK',
    (error: ArgusError) => error.code,
  );
}

async function take(ring: Ring, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const message = await ring.receive();
    if (message === undefined) break;
    numbers.push(numberOf(message));
  }
  return numbers;
}

test('a message arrives with the sender as the broker knows it', async () => {
  const harness = await PolicyHarness.build();
  const [audio, chrome] = await Promise.all([harness.connect('audio-vm'), harness.connect('chrome-vm')]);
  const ring = await audio.registerRing({ port: 4713, partner: 'any', length: 4096 });
  assert.is(await chrome.sendv({ to: PLAYBACK, type: 3, iov: [numbered(1, 4), numbered(2, 8)] }), 12);
  const message = await ring.receive();
  assert.equal(message?.source, { domid: chrome.domid, name: 'chrome-vm', labels: ['@app', '@speaker'] });
  assert.equal([message?.type, message?.payload], [3, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)]);
  await Promise.all([audio.close(), chrome.close()]);
  await harness.close();
});

test('each provider of the ciphers talks to the others', async () => {
  const harness = await PolicyHarness.build();
  const audio = await harness.connect('audio-vm', 'audio-vm', { aead: 'node' });
  const ring = await audio.registerRing({ port: 4713, partner: 'any', length: 4096 });
  for (const [number, aead] of (['in-place', 'node', 'noble'] as const).entries()) {
    const chrome = await harness.connect('chrome-vm', 'chrome-vm', { aead });
    assert.is(await chrome.sendv({ to: PLAYBACK, iov: numbered(number) }), 64, aead);
    assert.is((await take(ring, 1))[0], number, aead);
    await chrome.close();
  }
  await audio.close();
  await harness.close();
});

test('a domain that must be clone-safe gets that suite by itself, and no session where it refuses it', async () => {
  const harness = await PolicyHarness.build('cloneSafe: true');
  const audio = await harness.connect('audio-vm');
  const ring = await audio.registerRing({ port: 4713, partner: 'any', length: 4096 });
  const chrome = await harness.connect('chrome-vm');
  assert.equal(
    ['audio-vm', 'chrome-vm'].map((name) => harness.suiteOf(name)),
    ['A256GCM', 'A256GCMSIV'],
  );
  assert.is(await chrome.sendv({ to: PLAYBACK, iov: numbered(7) }), 64);
  assert.equal(await take(ring, 1), [7]);
  await chrome.close();
  const refused = harness.connect('chrome-vm', 'chrome-vm', { suites: ['A256GCM', 'C20P'] });
  assert.is(await codeOf(refused), 'ERR_CLIENT_VERSION');
  await audio.close();
  const alone = harness.connect('audio-vm', 'audio-vm', { suites: ['A256GCMSIV'] });
  assert.is(await codeOf(alone), 'ERR_CLIENT_VERSION', 'the broker has to say so too');
  await harness.close();
});

test('what policy or shape forbids is refused, each with its code', async () => {
  const harness = await PolicyHarness.build();
  const [audio, chrome] = await Promise.all([harness.connect('audio-vm'), harness.connect('chrome-vm')]);
  assert.is(await codeOf(chrome.sendv({ to: PLAYBACK, iov: numbered(1) })), 'ECONNREFUSED', 'no ring yet');
  await audio.registerRing({ port: 4713, partner: 'any', length: 4096 });
  assert.is(await codeOf(chrome.sendv({ to: { ...PLAYBACK, port: 80 }, iov: numbered(1) })), 'EACCES');
  assert.is(await codeOf(chrome.sendv({ to: { domain: 'nobody', port: 1 }, iov: numbered(1) })), 'EACCES');
  assert.is(await codeOf(chrome.sendv({ to: PLAYBACK, iov: numbered(1), from: 99 })), 'EPERM');
  assert.is(await codeOf(chrome.sendv({ to: PLAYBACK, iov: new Uint8Array(4096) })), 'EMSGSIZE');
  assert.is(await codeOf(chrome.registerRing({ port: 1, partner: 'any', length: 4096 })), 'EACCES');
  assert.is(await codeOf(audio.registerRing({ port: 4713, partner: 'any', length: 4096, failExist: true })), 'EEXIST');
  assert.is(await codeOf(audio.registerRing({ port: 4713, partner: 'any', length: 50 })), 'EINVAL');
  const [state] = await chrome.notify([{ to: PLAYBACK, spaceRequired: 64 }]);
  assert.equal([state?.exists, state?.isSufficient, state?.maxMessageSize], [true, true, 4064]);
  await Promise.all([audio.close(), chrome.close()]);
  await harness.close();
});

test('another domain’s carrier is refused', async () => {
  const harness = await PolicyHarness.build();
  assert.is(await codeOf(harness.connect('chrome-vm', 'audio-vm')), 'ERR_CLIENT_WRONG_CARRIER');
  await harness.close();
});

test('a newer session of the same domain ends the older one for good', async () => {
  const harness = await PolicyHarness.build();
  const older = await harness.connect('chrome-vm');
  const ended = new Promise<string>((resolve) => older.on('disconnected', ({ reason }) => resolve(reason.code)));
  const newer = await harness.connect('chrome-vm');
  assert.is(await ended, 'ERR_CLIENT_SUPERSEDED');
  assert.is(older.state, 'closed');
  await newer.close();
  await harness.close();
});

test('many messages through a ring that is often full arrive once each, in order', async () => {
  const harness = await PolicyHarness.build();
  const [audio, chrome] = await Promise.all([harness.connect('audio-vm'), harness.connect('chrome-vm')]);
  const ring = await audio.registerRing({ port: 4713, partner: 'chrome-vm', length: 8192 });
  const count = 3000;
  const sends = Array.from({ length: count }, (_, i) =>
    chrome.sendv({ to: PLAYBACK, iov: numbered(i), deadline: 30_000 }),
  );
  assert.equal(
    await take(ring, count),
    Array.from({ length: count }, (_, i) => i),
  );
  assert.ok((await Promise.all(sends)).every((bytes) => bytes === 64));
  await Promise.all([audio.close(), chrome.close()]);
  await harness.close();
});

test('after a restart of the broker rings and waiting sends are back, and unread messages are still there', async () => {
  const harness = await PolicyHarness.build();
  const [audio, chrome] = await Promise.all([harness.connect('audio-vm'), harness.connect('chrome-vm')]);
  const ring = await audio.registerRing({ port: 4713, partner: 'any', length: 4096 });
  await chrome.sendv({ to: PLAYBACK, iov: numbered(1) });
  while (ring.pending === 0) await new Promise(setImmediate);
  const lost = Promise.all(
    [audio, chrome].map((vm) => new Promise<void>((resolve) => vm.on('disconnected', () => resolve()))),
  );
  const isAudioBack = new Promise<void>((resolve) => audio.on('reconnected', () => resolve()));
  await harness.close();
  await lost;
  await harness.open();
  await isAudioBack;
  assert.is(await chrome.sendv({ to: PLAYBACK, iov: numbered(2), deadline: 30_000 }), 64);
  assert.equal(await take(ring, 2), [1, 2]);
  await Promise.all([audio.close(), chrome.close()]);
  await harness.close();
});

for (const [label, end] of [
  ['ends its session', (vm: Vm, _ring: Ring) => vm.close()],
  ['closes its ring', (_vm: Vm, ring: Ring) => ring.close()],
] as const)
  test(`a receiver that has read all and ${label} at once leaves nothing undelivered`, () =>
    PolicyHarness.build().then(async (harness) => {
      const [audio, chrome] = await Promise.all([harness.connect('audio-vm'), harness.connect('chrome-vm')]);
      try {
        const gone: number[] = [];
        chrome.on('peer-gone', ({ messages }) => void gone.push(messages));
        const ring = await audio.registerRing({ port: PLAYBACK.port, partner: 'any', length: 65_536 });
        await chrome.sendv({ to: PLAYBACK, iov: numbered(1) });
        const message = await ring.receive();
        assert.is(message === undefined ? -1 : numberOf(message), 1);
        await end(audio, ring);
        // What the broker said of the ring came before this answer.
        while ((await codeOf(chrome.sendv({ to: PLAYBACK, iov: numbered(2) }))) !== 'ECONNREFUSED');
        assert.equal(
          gone.filter((messages) => messages > 0),
          [],
        );
      } finally {
        await Promise.all([audio.close(), chrome.close()]);
        await harness.close();
      }
    }));

test.run();
