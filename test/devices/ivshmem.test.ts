/**
 * Regions and doorbells between two guests through a real broker: QEMU's protocol, copies, refusals, and no common
 * page.
 */
import { fstatSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS, MALFORMED } from '../../broker/core/inspectors/index.ts';
import { type DeviceError, type Devices, resolveDevices, startDevices } from '../../clients/devices/index.ts';
import { framedLength, Layout, type RegionMemory, SharedRegion } from '../../clients/devices/ivshmem/index.ts';
import { openSystem } from '../../clients/devices/sys/index.ts';
import type { Vm } from '../../clients/sdk/index.ts';
import type { Domain } from '../../policy/contract/index.ts';
import { type Installation, withInstallation } from '../support/installation/installation.ts';
import { fuzzUntil } from '../support/seed.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { IVSHMEM_ROWS, IVSHMEM_SERVICES, IvshmemClient } from './guest/ivshmem-client.ts';

const ivshmem = suite('ivshmem');
const PEERS = ['chrome-vm', 'mail-vm', 'web-vm'];
const PAGE = 4_096;

interface Guest {
  readonly vm: Vm;
  readonly devices: Devices;
  readonly said: string[];
  readonly qemu: IvshmemClient;
  readonly path: string;
}

async function withGuests(
  section: number,
  run: (installation: Installation, boot: (name: string, peers?: readonly string[]) => Promise<Guest>) => Promise<void>,
): Promise<void> {
  const system = openSystem();
  const domains = { 'chrome-vm': [], 'mail-vm': [], 'web-vm': [] };
  await withInstallation({ domains }, async (installation) => {
    await installation.writePolicyFile('services.yaml', IVSHMEM_SERVICES);
    await installation.writeRows(IVSHMEM_ROWS);
    await installation.broker({ watchPolicy: false });
    const guests: Guest[] = [];
    try {
      await run(installation, async (name, peers = PEERS) => {
        const vm = await installation.connect(name);
        const path = join(temporaryDirectory(), 'ivshmem');
        const said: string[] = [];
        const config = resolveDevices({ ivshmem: path, peers, section: String(section) });
        const devices = await startDevices(vm, config, (line) => said.push(line));
        const qemu = await new IvshmemClient(system, path).greeted(peers.length, 2);
        const guest = { vm, devices, said, qemu, path };
        guests.push(guest);
        return guest;
      });
    } finally {
      for (const { devices, qemu } of guests) {
        devices.close();
        qemu.close();
      }
    }
  });
}

ivshmem('a VMM is told the version, its place, its memory, every doorbell and its interrupts, whoever is there', () =>
  withGuests(PAGE, async (_, boot) => {
    const { qemu } = await boot('mail-vm');
    assert.equal(
      qemu.heard.map(([number, descriptor]) => [number, descriptor !== null]),
      [[0, false], [1, false], [-1, true], ...[0, 0, 2, 2, 1, 1].map((place) => [place, true])],
    );
    // State table, three sections, rounded up to a power of two.
    assert.is(fstatSync(qemu.memory.fd).size, 16_384);
    const system = openSystem();
    assert.is(system.isSizeSealed(qemu.memory), true);
  }),
);

ivshmem('a doorbell copies the section of the sender into the region of the peer, then interrupts it', () =>
  withGuests(PAGE, async (_, boot) => {
    const [mail, chrome] = [await boot('mail-vm'), await boot('chrome-vm')];
    const layout = new Layout(3, PAGE);
    chrome.qemu.write(layout.sectionAt(0), 'from chrome');
    chrome.qemu.write(layout.sectionAt(1), 'scribbled');
    chrome.qemu.ring(1);
    await mail.qemu.interrupted(1);
    assert.equal(mail.qemu.interrupts, [0]);
    assert.is(mail.qemu.read(layout.sectionAt(0), 11).toString(), 'from chrome');
    assert.is(mail.qemu.read(layout.sectionAt(1), 9).toString(), '\0'.repeat(9), 'only its own section travels');
    assert.is(mail.qemu.read(layout.stateAt(0), 4).readUInt32LE(0), 1);
    // No page is shared: bytes that are written later do not reach the other guest.
    chrome.qemu.write(layout.sectionAt(0), 'later     !');
    assert.is(mail.qemu.read(layout.sectionAt(0), 11).toString(), 'from chrome');
    mail.qemu.write(layout.sectionAt(1), 'answer');
    mail.qemu.ring(0);
    await chrome.qemu.interrupted(1);
    assert.is(chrome.qemu.read(layout.sectionAt(1), 6).toString(), 'answer');
    assert.equal(chrome.devices.ivshmem?.counts.refused, 0);
  }),
);

ivshmem('a doorbell that policy refuses brings neither bytes nor an interrupt, and is counted', () =>
  withGuests(PAGE, async (installation, boot) => {
    const [mail, web, chrome] = [await boot('mail-vm'), await boot('web-vm'), await boot('chrome-vm')];
    const layout = new Layout(3, PAGE);
    chrome.qemu.write(layout.sectionAt(0), 'secret');
    chrome.qemu.ring(2); // no row for web-vm
    chrome.qemu.ring(1, 1); // no row for vector 1
    while (chrome.devices.ivshmem?.counts.refused !== 2) await new Promise((done) => setImmediate(done));
    chrome.qemu.write(layout.sectionAt(0), 'public');
    chrome.qemu.ring(1);
    await mail.qemu.interrupted(1);
    assert.equal(mail.qemu.interrupts, [0]);
    assert.equal(web.qemu.interrupts, []);
    assert.is(web.qemu.read(layout.sectionAt(0), 6).toString(), '\0'.repeat(6));
    assert.ok(chrome.said.some((line) => line.includes('vector 0 to "web-vm": EACCES')));
    void installation;
  }),
);

ivshmem('many doorbells at once are joined, and the last state arrives', () =>
  withGuests(PAGE, async (_, boot) => {
    const [mail, chrome] = [await boot('mail-vm'), await boot('chrome-vm')];
    const at = new Layout(3, PAGE).sectionAt(0);
    for (let count = 1; count <= 50; count++) {
      chrome.qemu.write(at, Buffer.from([count]));
      chrome.qemu.ring(1);
      if (count % 7 === 0) await new Promise((done) => setImmediate(done));
    }
    while (mail.qemu.read(at, 1)[0] !== 50) await mail.qemu.event();
    const counts = chrome.devices.ivshmem?.counts;
    assert.ok(counts !== undefined && counts.rung <= 50);
  }),
);

ivshmem(
  'a section of more than 64 KiB travels as far as its frame says, and what is left of a longer one is wiped',
  () =>
    withGuests(32 * PAGE, async (_, boot) => {
      const [mail, chrome] = [await boot('mail-vm'), await boot('chrome-vm')];
      const at = new Layout(3, 32 * PAGE).sectionAt(0);
      const say = (sequence: number, text: string): void => {
        const frame = Buffer.alloc(8);
        frame.writeUInt32LE(sequence, 0);
        frame.writeUInt32LE(text.length, 4);
        chrome.qemu.write(at, Buffer.concat([frame, Buffer.from(text)]));
        chrome.qemu.ring(1);
      };
      say(1, 'a long message');
      await mail.qemu.interrupted(1);
      assert.is(mail.qemu.read(at + 8, 14).toString(), 'a long message');
      say(2, 'short');
      await mail.qemu.interrupted(2);
      assert.is(mail.qemu.read(at, 4).readUInt32LE(0), 2);
      assert.is(mail.qemu.read(at + 8, 14).toString(), `short${'\0'.repeat(9)}`);
      // A length beyond the section: nothing is sent.
      chrome.qemu.write(at + 4, Buffer.from([0xff, 0xff, 0xff, 0xff]));
      chrome.qemu.ring(1);
      while (chrome.devices.ivshmem?.counts.malformed !== 1) await new Promise((done) => setImmediate(done));
      assert.is(mail.qemu.interrupts.length, 2);
    }),
);

ivshmem('a second VMM is refused, a VMM that speaks is detached, and the next one finds its region', () =>
  withGuests(PAGE, async (_, boot) => {
    const { qemu, path } = await boot('mail-vm');
    const system = openSystem();
    const second = new IvshmemClient(system, path);
    while (!second.isEnded) await second.event();
    qemu.write(0, 'kept');
    qemu.speak();
    while (!qemu.isEnded) await qemu.event();
    const third = await new IvshmemClient(system, path).greeted(3, 2);
    assert.is(third.read(0, 4).toString(), 'kept');
    third.close();
    second.close();
  }),
);

ivshmem('guests that were given different regions do not write into each other', () =>
  withGuests(PAGE, async (_, boot) => {
    const mail = await boot('mail-vm', ['mail-vm', 'chrome-vm']);
    const chrome = await boot('chrome-vm');
    chrome.qemu.write(new Layout(3, PAGE).sectionAt(0), 'bytes');
    chrome.qemu.ring(1);
    while (mail.devices.ivshmem?.counts.malformed !== 1) await new Promise((done) => setImmediate(done));
    assert.equal(mail.qemu.interrupts, []);
    assert.ok(mail.qemu.read(0, 3 * PAGE).every((byte) => byte === 0));
  }),
);

for (const [rule, input] of [
  ['peers that do not name the domain itself', { peers: ['mail-vm', 'web-vm'] }],
  ['a peer twice', { peers: ['chrome-vm', 'mail-vm', 'mail-vm'] }],
  ['one peer', { peers: ['chrome-vm'] }],
  ['a section that is no page', { peers: PEERS, section: '1000' }],
  ['a section of more than 8 MiB', { peers: PEERS, section: String(9 * 1_048_576) }],
  ['nine vectors', { peers: PEERS, vectors: '9' }],
  ['a region beyond 999', { peers: PEERS, region: '1000' }],
] as const) {
  ivshmem(`${rule} is refused before anything runs`, async () => {
    const vm = { name: 'chrome-vm', domid: 5 } as Vm;
    const config = resolveDevices({ ivshmem: '/nowhere/at/all', ...input });
    const error = await startDevices(vm, config, () => {}).then(
      () => null,
      (reason: DeviceError) => reason,
    );
    assert.is(error?.code, 'ERR_DEVICE_OPTION');
  });
}

ivshmem('the inspector names the vector, and refuses what is no doorbell', () => {
  const inspector = INSPECTORS.get('ivshmem');
  assert.ok(inspector);
  const doorbell = (head: readonly number[], section: number, body: Uint8Array): Uint8Array => {
    const header = Buffer.alloc(8);
    header.set(head);
    header.writeUInt32LE(section, 4);
    return Buffer.concat([header, body]);
  };
  const framed = Buffer.alloc(12);
  framed.writeUInt32LE(4, 4);
  const cases: readonly [rule: string, bytes: Uint8Array, answer: number][] = [
    ['a whole section', doorbell([1, 3, 2, 1], 16, Buffer.alloc(16)), 3],
    ['a framed section', doorbell([1, 7, 2, 0], 131_072, framed), 7],
    ['another version', doorbell([2, 0, 2, 1], 16, Buffer.alloc(16)), MALFORMED],
    ['vector 8', doorbell([1, 8, 2, 1], 16, Buffer.alloc(16)), MALFORMED],
    ['a sender beyond the peers', doorbell([1, 0, 2, 2], 16, Buffer.alloc(16)), MALFORMED],
    ['a section that is cut', doorbell([1, 0, 2, 1], 16, Buffer.alloc(15)), MALFORMED],
    ['a section that is longer', doorbell([1, 0, 2, 1], 16, Buffer.alloc(17)), MALFORMED],
    ['a frame that lies', doorbell([1, 0, 2, 1], 131_072, framed.subarray(0, 11)), MALFORMED],
    ['less than a header', Buffer.alloc(7), MALFORMED],
  ];
  for (const [rule, bytes, answer] of cases)
    assert.is(inspector.inspect(bytes, 0, bytes.length, {} as Domain), answer, rule);
});

ivshmem('a doorbell that names the place of another domain, or another shape, changes nothing', () => {
  const memory = Buffer.alloc(16_384);
  const access: RegionMemory = {
    read: (at, into) => memory.copy(into, 0, at) === into.length,
    write: (at, from) => {
      memory.set(from, at);
      return true;
    },
  };
  const region = new SharedRegion(new Layout(3, PAGE), 1, 2, access);
  const good = { vector: 0, peers: 3, sender: 0, sectionBytes: PAGE };
  const section = Buffer.alloc(PAGE, 'x');
  for (const wrong of [{ sender: 2 }, { peers: 2 }, { sectionBytes: 2 * PAGE }, { vector: 2 }])
    assert.is(region.incoming(0, { ...good, ...wrong }, section), false);
  assert.is(region.incoming(1, { ...good, sender: 1 }, section), false, 'its own section is written by nobody else');
  assert.is(region.incoming(0, good, section.subarray(1)), false);
  assert.ok(memory.every((byte) => byte === 0));
  assert.is(region.counts.malformed, 6);
  assert.is(region.incoming(0, good, section), true);
});

ivshmem('any bytes of a peer: no throw, and no byte outside of its section and its state', async () => {
  await fuzzUntil(
    (random) => {
      const layout = new Layout(3, random.pick([PAGE, 32 * PAGE]));
      const memory = Buffer.alloc(layout.bytes);
      const access: RegionMemory = {
        read: (at, into) => memory.copy(into, 0, at) === into.length,
        write: (at, from) => {
          assert.ok(at + from.length <= memory.length);
          memory.set(from, at);
          return true;
        },
      };
      const region = new SharedRegion(layout, 1, 2, access);
      const doorbell = {
        vector: random.below(4),
        peers: 2 + random.below(3),
        sender: random.below(4),
        sectionBytes: random.pick([PAGE, 32 * PAGE]),
      };
      const body = Buffer.from(random.bytes(random.pick([0, 7, 8, 30, PAGE])));
      if (body.length >= 8 && random.oneIn(2)) body.writeUInt32LE(body.length - 8, 4);
      region.incoming(random.below(3), doorbell, body);
      const own = layout.sectionAt(1);
      assert.ok(memory.subarray(own, own + layout.sectionBytes).every((byte) => byte === 0));
      memory.set(random.bytes(16), own);
      const outgoing = region.outgoing(0);
      assert.ok(outgoing === null || outgoing.bytes.length <= layout.sectionBytes);
      assert.ok((framedLength(Buffer.from(random.bytes(8)), layout.sectionBytes) ?? 0) <= layout.sectionBytes);
    },
    Number(process.env.FUZZ_SECONDS ?? 2) / 4,
  );
});

ivshmem.run();
