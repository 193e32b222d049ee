/**
 * vhost-user over a real socket: an honest VMM, memory that is added and removed, and a hostile VMM or guest that can
 * harm only itself.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Descriptor, openSystem, type System } from '../../clients/devices/sys/index.ts';
import {
  ProtocolFeature,
  Request,
  serveVhostUser,
  type VirtioDevice,
  type Wiring,
} from '../../clients/devices/vhost-user/index.ts';
import type { SplitQueue } from '../../clients/devices/virtqueue/index.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { DriverQueue } from './guest/driver-queue.ts';
import {
  FrontEnd,
  GUEST_BASE,
  MEMORY_BYTES,
  oneRegion,
  ringAddress,
  sizeOf,
  table,
  truncate,
  USER_BASE,
  u64,
  words,
} from './guest/front-end.ts';
import { PackedDriverQueue } from './guest/packed-driver-queue.ts';

const vhost = suite('vhost-user');

/** Answers each chain with its own bytes, in capital letters. */
class EchoDevice implements VirtioDevice {
  readonly queueCount = 2;
  queuePairs?: number;
  readonly maxReadableBytes = 4_096;
  readonly features = 0n;
  readonly config = Buffer.from('config space');
  resets = 0;
  readonly stopped: number[] = [];
  wiring: Wiring | null = null;

  attach(wiring: Wiring): void {
    this.wiring = wiring;
  }

  service(_index: number, queue: SplitQueue, budget: number): number {
    for (let done = 0; done < budget; done++) {
      const chain = queue.pop();
      if (chain === null) return done;
      const bytes = queue.read(chain);
      if (bytes === null) return done;
      queue.complete(chain, Buffer.from(bytes.toString().toUpperCase()));
    }
    return budget;
  }

  queueStopped(index: number): void {
    this.stopped.push(index);
  }

  reset(): void {
    this.resets++;
  }
}

/** A file without seals. A VMM may send one. */
function unsealedFile(): Descriptor {
  return new Descriptor(openSync(join(temporaryDirectory(), 'memory'), 'w+'), closeSync);
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

interface Fixture {
  readonly system: System;
  readonly device: EchoDevice;
  readonly path: string;
  readonly reports: string[];
  /** Resolves when the device process has reported such an event. */
  readonly reported: (event: string) => Promise<string>;
  attach(): Promise<FrontEnd>;
}

async function withFixture(run: (fixture: Fixture) => Promise<void>): Promise<void> {
  const system = openSystem();
  const path = join(temporaryDirectory(), 'device.sock');
  const device = new EchoDevice();
  const reports: string[] = [];
  const waiters = new Set<() => void>();
  const socket = await serveVhostUser(system, path, device, (event, line) => {
    reports.push(`${event} ${line}`);
    for (const wake of [...waiters]) wake();
  });
  const open: FrontEnd[] = [];
  try {
    await run({
      system,
      device,
      path,
      reports,
      reported: async (event) => {
        for (;;) {
          const found = reports.find((report) => report.startsWith(event));
          if (found !== undefined) return found;
          await new Promise<void>((resolve) => {
            const wake = (): void => {
              waiters.delete(wake);
              resolve();
            };
            waiters.add(wake);
          });
        }
      },
      attach: async () => {
        const vmm = await FrontEnd.attach(path);
        open.push(vmm);
        return vmm;
      },
    });
  } finally {
    for (const vmm of open) vmm.close();
    socket.close();
  }
}

/** Sends text through a queue of the echo device. */
async function echo(vmm: FrontEnd, text: string, index = 0): Promise<string> {
  const queue = vmm.queues[index];
  assert.ok(queue);
  const from = vmm.place(text.length);
  const to = vmm.place(64);
  vmm.write(from, Buffer.from(text));
  queue.add([
    { address: from, length: text.length, isWritable: false },
    { address: to, length: 64, isWritable: true },
  ]);
  vmm.kick(index);
  for (;;) {
    const [used] = queue.take();
    if (used !== undefined) {
      const bytes = Buffer.alloc(used.length);
      vmm.read(to, bytes);
      return bytes.toString();
    }
    await vmm.event();
  }
}

vhost('a device answers a driver through both of its queues, and shows its config space', () =>
  withFixture(async ({ attach, device }) => {
    const vmm = await attach();
    await vmm.start(2);
    assert.is(await echo(vmm, 'hello'), 'HELLO');
    assert.is(await echo(vmm, 'other queue', 1), 'OTHER QUEUE');
    const answer = await vmm.ask(Request.getConfig, Buffer.concat([words(7, 8, 0), Buffer.alloc(8)]));
    assert.is(answer.subarray(12).toString(), 'space\0\0\0');
    const queueNumber = async () => (await vmm.ask(Request.getQueueNum, Buffer.alloc(0))).readBigUInt64LE(0);
    assert.is(await queueNumber(), 2n);
    assert.is(device.resets, 0);
  }),
);

vhost('one pair of queues is not asked for; several pairs are, with whole memory tables only', () =>
  withFixture(async ({ attach, device }) => {
    const vmm = await attach();
    const word = async (request: number) => (await vmm.ask(request, Buffer.alloc(0))).readBigUInt64LE(0);
    const asked = ProtocolFeature.multiqueue | ProtocolFeature.configureMemSlots;
    device.queuePairs = 1;
    assert.is((await word(Request.getProtocolFeatures)) & asked, ProtocolFeature.configureMemSlots);
    device.queuePairs = 4;
    assert.is((await word(Request.getProtocolFeatures)) & asked, ProtocolFeature.multiqueue);
    assert.is(await word(Request.getQueueNum), 4n);
  }),
);

vhost('packed queues are served when the guest agreed on them, and say where they are', () =>
  withFixture(async ({ attach, device }) => {
    const vmm = await attach();
    await vmm.negotiate(1n << 34n);
    await vmm.tell(Request.setMemTable, table([{}]), [vmm.memory]);
    const size = 6;
    const queue = new PackedDriverQueue(vmm, GUEST_BASE, size);
    await vmm.startRing(0, size, queue.place, 0x8000_8000);
    vmm.free = GUEST_BASE + 4_096;
    const [from, to] = [vmm.place(16), vmm.place(16)];
    for (const text of ['one', 'two', 'three', 'four']) {
      vmm.write(from, Buffer.from(text));
      const parts = [{ address: from, length: text.length, isWritable: false }];
      const id = queue.add([...parts, { address: to, length: 16, isWritable: true }]);
      vmm.kick(0);
      let used = queue.take();
      for (; used.length === 0; used = queue.take()) await vmm.event();
      assert.equal(used, [{ head: id, length: text.length }]);
      const bytes = Buffer.alloc(text.length);
      vmm.read(to, bytes);
      assert.is(bytes.toString(), text.toUpperCase());
    }
    const base = await vmm.ask(Request.getVringBase, words(0, 0));
    assert.is(base.readUInt32LE(4), queue.word * 0x1_0001);
    assert.is(device.resets, 1);
  }),
);

vhost('an interrupt that went to a former descriptor comes again at the new one', () =>
  withFixture(async ({ attach, system }) => {
    const vmm = await attach();
    await vmm.start(1);
    await echo(vmm, 'hello');
    const event = system.eventfd();
    await vmm.tell(Request.setVringCall, u64(0n), [event]);
    assert.is(system.drain(event), true);
    event.close();
  }),
);

vhost('more chains than the budget of one wake-up are all processed', () =>
  withFixture(async ({ attach }) => {
    const vmm = await attach();
    await vmm.start(1, { size: 256 });
    const queue = vmm.queues[0];
    assert.ok(queue);
    const at = vmm.place(16);
    for (let count = 0; count < 200; count++) queue.add([{ address: at, length: 4, isWritable: false }]);
    vmm.kick(0);
    let done = 0;
    for (;;) {
      done += queue.take().length;
      if (done === 200) break;
      await vmm.event();
    }
  }),
);

vhost('a queue that was stopped says where it is, and goes on from there', () =>
  withFixture(async ({ attach, device }) => {
    const vmm = await attach();
    await vmm.start(1);
    await echo(vmm, 'one');
    await echo(vmm, 'two');
    const base = await vmm.ask(Request.getVringBase, words(0, 0));
    assert.equal([base.readUInt32LE(0), base.readUInt32LE(4)], [0, 2]);
    assert.is(device.resets, 1, 'all queues are stopped');
    await vmm.startQueue(0, 2);
    assert.is(await echo(vmm, 'three'), 'THREE');
  }),
);

vhost('a queue that is switched off is served no more, its device hears of it, and it goes on when switched on', () =>
  withFixture(async ({ attach, device }) => {
    const vmm = await attach();
    await vmm.start(2);
    await echo(vmm, 'both', 1);
    await vmm.tell(Request.setVringEnable, words(1, 0));
    assert.equal(device.stopped, [1]);
    assert.is(device.wiring?.queue(1), null);
    assert.is(await echo(vmm, 'the other one'), 'THE OTHER ONE');
    await vmm.tell(Request.setVringEnable, words(1, 1));
    assert.is(await echo(vmm, 'on again', 1), 'ON AGAIN');
    assert.is(device.resets, 0);
  }),
);

vhost('a new memory table moves the queues to the new file, at once', () =>
  withFixture(async ({ attach, system }) => {
    const vmm = await attach();
    await vmm.start(1);
    await echo(vmm, 'before');
    // Same guest addresses, but other VMM addresses: the queue does not know them, so it stops.
    await vmm.tell(Request.setMemTable, table([{ user: USER_BASE + 0x1_0000_0000 }]), [vmm.memory]);
    const base = await vmm.ask(Request.getVringBase, words(0, 0));
    assert.is(base.readUInt32LE(4), 1, 'the queue was stopped, and its index is kept');
    const other = system.sealedMemory('more', MEMORY_BYTES);
    await vmm.tell(Request.setMemTable, table([{}, { guest: GUEST_BASE + MEMORY_BYTES, user: 0x10_0000 }]), [
      vmm.memory,
      other,
    ]);
    await vmm.startQueue(0, 1);
    assert.is(await echo(vmm, 'after'), 'AFTER');
    other.close();
  }),
);

vhost('memory that is plugged in while the guest runs can be used, and after it is unplugged no more', () =>
  withFixture(async ({ attach, system, reported }) => {
    const vmm = await attach();
    await vmm.start(1);
    const more = system.sealedMemory('hotplug', 65_536);
    const place = { guest: 0x8000_0000, size: 65_536, user: 0x6000_0000_0000 };
    assert.is(await vmm.tell(Request.addMemReg, oneRegion(place), [more]), 0n);
    const text = Buffer.from('hotplug');
    writeSync(more.fd, text, 0, text.length, 0);
    const queue = vmm.queues[0];
    assert.ok(queue);
    const to = vmm.place(64);
    const buffers = [
      { address: place.guest, length: text.length, isWritable: false },
      { address: to, length: 64, isWritable: true },
    ];
    queue.add(buffers);
    vmm.kick(0);
    while (queue.take().length === 0) await vmm.event();
    const answer = Buffer.alloc(text.length);
    vmm.read(to, answer);
    assert.is(answer.toString(), 'HOTPLUG');
    assert.is(await vmm.tell(Request.remMemReg, oneRegion(place)), 0n);
    queue.add(buffers);
    vmm.kick(0);
    assert.match(await reported('guest-fault'), 'not memory of the guest');
    more.close();
  }),
);

vhost('a fault of the guest stops the device and keeps the connection; a reset starts it again', () =>
  withFixture(async ({ attach, device, reported }) => {
    const vmm = await attach();
    await vmm.start(2);
    vmm.queues[0]?.publish(64);
    vmm.kick(0);
    assert.match(await reported('guest-fault'), 'queue 0: a descriptor beyond the table');
    assert.is(device.resets, 1);
    assert.is(device.wiring?.queue(1), null, 'no queue of the device works any more');
    assert.is(vmm.isEnded, false);
    for (const index of [0, 1]) await vmm.ask(Request.getVringBase, words(index, 0));
    vmm.queues.length = 0;
    await vmm.start(2);
    assert.is(await echo(vmm, 'again'), 'AGAIN');
  }),
);

vhost('a memory file that its VMM cuts off stops the device only', () =>
  withFixture(async ({ attach, reported }) => {
    const vmm = await attach();
    await vmm.negotiate();
    const file = unsealedFile();
    truncate(file, MEMORY_BYTES);
    await vmm.tell(Request.setMemTable, table([{}]), [file]);
    truncate(file, 0);
    vmm.queues[0] = new DriverQueue(vmm, GUEST_BASE, 64);
    await vmm.startQueue(0);
    vmm.kick(0);
    assert.match(await reported('guest-fault'), 'not memory of the guest');
    assert.is(sizeOf(file), 0, 'and nothing was written behind its end');
    file.close();
  }),
);

const HOSTILE: readonly [rule: string, act: (vmm: FrontEnd, system: System) => void | Promise<void>, reason: RegExp][] =
  [
    ['a message that is too long', (vmm) => vmm.sendRaw(words(Request.setOwner, 1, 100_000)), /too long/],
    ['another protocol version', (vmm) => vmm.send(Request.setOwner, Buffer.alloc(0), [], 2), /another version/],
    ['a payload that is too short', (vmm) => vmm.send(Request.setVringNum, words(0)), /expected 8 bytes/],
    ['a queue that the device does not have', (vmm) => vmm.send(Request.setVringNum, words(77, 64)), /no queue 77/],
    ['a queue of 3 descriptors', (vmm) => vmm.send(Request.setVringNum, words(0, 3)), /3 descriptors/],
    ['a queue of 65536 descriptors', (vmm) => vmm.send(Request.setVringNum, words(0, 65_536)), /65536 descriptors/],
    ['features that were not offered', (vmm) => vmm.send(Request.setFeatures, u64(1n << 33n)), /not offered/],
    ['a memory table without descriptors', (vmm) => vmm.send(Request.setMemTable, table([{}])), /1 regions with 0/],
    [
      'a memory table that says more regions than it has',
      (vmm) => vmm.send(Request.setMemTable, words(8, 0), [vmm.memory]),
      /wrong length/,
    ],
    [
      'a region beyond its file',
      (vmm) => vmm.send(Request.setMemTable, table([{ offset: 4_096 }]), [vmm.memory]),
      /beyond its file/,
    ],
    [
      'a region that ends beyond 2^53',
      (vmm) => vmm.send(Request.setMemTable, table([{ guest: 0xffff_ffff_ffff_0000n }]), [vmm.memory]),
      /beyond its file/,
    ],
    [
      'regions that overlap',
      (vmm) =>
        vmm.send(Request.setMemTable, table([{}, { guest: GUEST_BASE + MEMORY_BYTES - 1 }]), [vmm.memory, vmm.memory]),
      /overlaps/,
    ],
    [
      'memory that is no file',
      (vmm, system) => {
        const event = system.eventfd();
        vmm.send(Request.setMemTable, table([{ size: 1 }]), [event]);
        event.close();
      },
      /beyond its file/,
    ],
    [
      'a queue outside of the memory',
      (vmm) => {
        vmm.send(Request.setVringNum, words(0, 64));
        vmm.send(Request.setVringAddr, ringAddress(0, { descriptors: 0x1000, available: 0x2000, used: 0x3000 }));
      },
      /outside of the memory/,
    ],
    ['a kick without a descriptor', (vmm) => vmm.send(Request.setVringKick, u64(0n)), /without a descriptor/],
    ['a queue that is to be polled', (vmm) => vmm.send(Request.setVringKick, u64(0x100n)), /polled/],
    [
      'too many descriptors in one message',
      (vmm) =>
        vmm.send(
          Request.setOwner,
          Buffer.alloc(0),
          Array.from({ length: 12 }, () => vmm.memory),
        ),
      /too many descriptors/,
    ],
    [
      'descriptors with each byte of a message',
      (vmm) => {
        const eight = Array.from({ length: 8 }, () => vmm.memory);
        for (let count = 0; count < 3; count++) vmm.sendRaw(Buffer.alloc(1), eight);
      },
      /too many descriptors/,
    ],
    [
      'memory that was never plugged in is unplugged',
      (vmm) => vmm.send(Request.remMemReg, oneRegion({})),
      /no such region/,
    ],
  ];

for (const [rule, act, reason] of HOSTILE) {
  vhost(`${rule} detaches the VMM, leaks no descriptor, and the next VMM is served`, () =>
    withFixture(async ({ attach, reported, system }) => {
      const before = openDescriptors();
      const hostile = await attach();
      await hostile.negotiate();
      await act(hostile, system);
      assert.match(await reported('vmm-fault'), reason);
      await hostile.ended();
      hostile.close();
      assert.is(openDescriptors(), before);
      const honest = await attach();
      await honest.start(1);
      assert.is(await echo(honest, 'next'), 'NEXT');
    }),
  );
}

for (const [name, reset] of [
  ['SET_STATUS with zero', (vmm) => vmm.tell(Request.setStatus, u64(0n))],
  ['RESET_DEVICE', (vmm) => vmm.tell(Request.resetDevice, Buffer.alloc(0))],
  ['RESET_OWNER', (vmm) => vmm.tell(Request.resetOwner, Buffer.alloc(0))],
] as readonly (readonly [string, (vmm: FrontEnd) => Promise<bigint>])[])
  vhost(`${name} resets the device, and the guest starts again`, () =>
    withFixture(async ({ attach, device }) => {
      const vmm = await attach();
      await vmm.start(2);
      assert.is(await echo(vmm, 'before'), 'BEFORE');
      assert.is(await reset(vmm), 0n);
      assert.is(device.resets, 1);
      assert.is(device.wiring?.queue(0), null);
      vmm.queues.length = 0;
      await vmm.start(2);
      assert.is(await echo(vmm, 'after'), 'AFTER');
    }),
  );

vhost('the status of the driver is kept for its VMM, and the number of memory slots is said', () =>
  withFixture(async ({ attach }) => {
    const vmm = await attach();
    await vmm.negotiate();
    await vmm.tell(Request.setStatus, u64(15n));
    assert.is((await vmm.ask(Request.getStatus, Buffer.alloc(0))).readBigUInt64LE(0), 15n);
    assert.is((await vmm.ask(Request.getMaxMemSlots, Buffer.alloc(0))).readBigUInt64LE(0), 64n);
  }),
);

vhost('no file of the device process maps memory of a guest', () => {
  const folder = new URL('../../clients/devices/', import.meta.url);
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.[jt]s$/.test(name));
  assert.ok(sources.length > 20);
  for (const name of sources)
    assert.not.match(readFileSync(new URL(name, folder), 'utf8'), /mmap|koffi\.(?:decode|view)/, name);
});

vhost('a request that is not known is answered as not done, and changes nothing', () =>
  withFixture(async ({ attach }) => {
    const vmm = await attach();
    await vmm.start(1);
    assert.is(await vmm.tell(6, u64(0n)), 1n);
    assert.is(await vmm.tell(Request.setConfig, Buffer.alloc(16)), 1n);
    assert.is(await echo(vmm, 'still there'), 'STILL THERE');
  }),
);

vhost('a second VMM is refused while the first one is attached', () =>
  withFixture(async ({ attach, reported }) => {
    const first = await attach();
    await first.start(1);
    const second = await attach();
    await second.ended();
    await reported('refused');
    assert.is(await echo(first, 'mine'), 'MINE');
  }),
);

vhost('a VMM that is gone makes room for the next one, and the device forgets its guest', () =>
  withFixture(async ({ attach, device, reported }) => {
    const first = await attach();
    await first.start(1);
    first.close();
    await reported('detached');
    assert.is(device.resets, 1);
    const second = await attach();
    await second.start(1);
    assert.is(await echo(second, 'new guest'), 'NEW GUEST');
  }),
);

vhost('watches that only the event loop knows survive garbage collection', () =>
  withFixture(async ({ attach }) => {
    const vmm = await attach();
    await vmm.start(1);
    for (let round = 0; round < 3; round++) {
      collectGarbage();
      assert.is(await echo(vmm, 'kept'), 'KEPT');
    }
  }),
);

vhost.run();
