/**
 * A stream whose guest end restarts while the host's end stays connected, as behind QEMU's virtio-serial port: the broker
 * with `carrier: serial`, and a pipe in the middle that a test can put bytes into.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecordHeader, RecordType } from '../../../broker/wire/index.ts';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { issueIdentity } from '../../../keys/index.ts';
import { GuestFixture } from './guest-fixture.ts';

const serial = suite('serial stream');

/** QEMU: one connection to the broker, whoever is at the guest's end. */
class Port {
  readonly fixture: GuestFixture;
  readonly #server: Server;
  readonly toBroker: Socket;
  #guest: Socket | null = null;
  isHungUp = false;

  private constructor(fixture: GuestFixture, server: Server, toBroker: Socket) {
    this.fixture = fixture;
    this.#server = server;
    this.toBroker = toBroker;
    server.on('connection', (guest) => {
      this.#guest = guest;
      guest.on('error', () => {});
      guest.on('data', (chunk) => this.toBroker.write(chunk));
    });
    toBroker.on('data', (chunk) => this.#guest?.write(chunk));
    toBroker.once('close', () => {
      this.isHungUp = true;
      this.#guest?.destroy();
    });
  }

  static async plug(): Promise<Port> {
    const fixture = new GuestFixture();
    const authority = await fixture.makeAuthority();
    await issueIdentity(
      authority,
      fixture.path('chrome-vm'),
      { name: 'chrome-vm', role: 'domain', ttlSeconds: 3600 },
      'unsealed',
    );
    const file = fixture.path('policy/domains.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/^( +- name: chrome-vm)$/m, '$1\n    carrier: serial'));
    await fixture.startBroker();
    const toBroker = dial(fixture.path('run/chrome-vm.sock'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(fixture.path('guest.sock'), resolve));
    return new Port(fixture, server, toBroker);
  }

  boot(): Promise<Vm> {
    const identity = this.fixture.path('chrome-vm');
    return connect({ carrier: `unix:${this.fixture.path('guest.sock')}`, identity, reconnect: false });
  }

  /** The guest is gone in an instant; the host's end stays. */
  reset(): void {
    const guest = this.#guest;
    this.#guest = null;
    guest?.destroy();
  }

  async unplug(): Promise<void> {
    this.toBroker.destroy();
    this.#server.close();
    await this.fixture.close();
  }
}

/** True when the broker answers on this session. */
async function isAlive(vm: Vm): Promise<boolean> {
  const answer = await vm.notify(null).then(
    () => true,
    () => false,
  );
  return answer && vm.state === 'connected';
}

serial('a hello that nobody signed does not disturb the session that runs', async () => {
  const port = await Port.plug();
  const vm = await port.boot();
  const bogus = Buffer.concat([encodeRecordHeader(RecordType.hello, 0, 0, 9), Buffer.from('not a jws')]);
  for (let round = 0; round < 3; round++) {
    port.toBroker.write(bogus);
    assert.ok(await isAlive(vm));
  }
  assert.not(port.isHungUp);
  await vm.close();
  await port.unplug();
});

const HALVES: readonly (readonly [label: string, bytes: Uint8Array])[] = [
  ['between two records', new Uint8Array(0)],
  ['within a header', encodeRecordHeader(RecordType.data, 0, 1, 60_000).subarray(0, 11)],
  ['within a body', Buffer.concat([encodeRecordHeader(RecordType.data, 0, 1, 60_000), new Uint8Array(20_000).fill(9)])],
  ['just before a record’s end', Buffer.concat([encodeRecordHeader(RecordType.data, 0, 1, 300), Buffer.alloc(299)])],
];

for (const [label, half] of HALVES) {
  serial(`a guest that restarts ${label} is let in again on the same connection`, async () => {
    const port = await Port.plug();
    const before = await port.boot();
    port.reset();
    port.toBroker.write(half);
    const vm = await port.boot();
    assert.ok(await isAlive(vm));
    assert.not(port.isHungUp);
    assert.is(before.state, 'closed');
    await vm.close();
    await port.unplug();
  });
}

serial('boot messages before the first hello are passed over', async () => {
  const port = await Port.plug();
  port.toBroker.write('SeaBIOS (version 1.16.2)\r\nBooting from ROM...\r\n');
  const vm = await port.boot();
  assert.ok(await isAlive(vm));
  await vm.close();
  await port.unplug();
});

serial.run();
