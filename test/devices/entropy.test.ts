/** Random numbers over the protocol of EGD, as QEMU's rng-egd asks for them, and what a hostile VMM gets. */
import { EventEmitter, once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveEntropy } from '../../clients/devices/entropy/index.ts';
import { openSystem } from '../../clients/devices/sys/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const entropy = suite('entropy for a stock guest');

interface Fixture {
  readonly path: string;
  readonly attach: () => Promise<Socket>;
  /** Resolves with what the device process reported about such an event. */
  readonly reported: (event: string) => Promise<string>;
}

async function withServer(run: (fixture: Fixture) => Promise<void>): Promise<void> {
  const path = join(temporaryDirectory(), 'entropy.sock');
  const reports = new EventEmitter();
  const served = await serveEntropy(openSystem(), path, (event, line) => reports.emit(event, line));
  const open: Socket[] = [];
  try {
    await run({
      path,
      reported: async (event) => (await once(reports, event))[0] as string,
      attach: async () => {
        const socket = connect(path);
        open.push(socket);
        await once(socket, 'connect');
        return socket;
      },
    });
  } finally {
    for (const socket of open) socket.destroy();
    served.close();
  }
}

async function take(socket: Socket, count: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < count) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  assert.is(bytes.length, count);
  return bytes;
}

entropy('each request gets as many bytes as it asks for, and never the same', () =>
  withServer(async ({ attach }) => {
    const vmm = await attach();
    vmm.write(Buffer.from([2, 64]));
    const first = await take(vmm, 64);
    vmm.write(Buffer.from([2, 64]));
    assert.not.equal(await take(vmm, 64), first);
    vmm.write(Buffer.from([2, 255, 2, 1, 2, 0, 2]));
    await take(vmm, 256);
    vmm.write(Buffer.from([10]));
    await take(vmm, 10);
  }),
);

entropy('more requests than one wake-up answers are all answered', () =>
  withServer(async ({ attach }) => {
    const vmm = await attach();
    const answered = take(vmm, 200 * 8);
    vmm.write(Buffer.from(Array.from({ length: 200 }, () => [2, 8]).flat()));
    await answered;
  }),
);

entropy('descriptors that come with a request are closed, and the request is answered', () =>
  withServer(async ({ path, reported }) => {
    const system = openSystem();
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const attached = reported('attached');
    const vmm = system.connect(path);
    const file = system.eventfd();
    await attached;
    const before = descriptors();
    system.send(vmm, Buffer.from([2, 4]), [file, file]);
    await new Promise<void>((resolve) => {
      const watch = system.watch(vmm, () => {
        watch.close();
        resolve();
      });
    });
    const received = system.receive(vmm, 64);
    assert.is(received.status === 'bytes' && received.bytes.length, 4);
    assert.is(descriptors(), before);
    for (const descriptor of [vmm, file]) descriptor.close();
  }),
);

for (const [rule, bytes, reason] of [
  ['another request than the one of QEMU', [1, 8], /request 1/],
  ['bytes of the guest for the pool', [3, 0, 64, 2, 8, 8], /request 3/],
] as const) {
  entropy(`${rule} detaches the VMM, and the next one is served`, () =>
    withServer(async ({ attach, reported }) => {
      const hostile = await attach();
      hostile.write(Buffer.from(bytes));
      const answered = once(hostile, 'data').then(() => 'an answer');
      assert.match(await Promise.race([reported('vmm-fault'), answered]), reason);
      const next = await attach();
      next.write(Buffer.from([2, 4]));
      await take(next, 4);
    }),
  );
}

entropy('a VMM that asks and does not read is detached', () =>
  withServer(async ({ attach, reported }) => {
    const vmm = await attach();
    const requests = Buffer.alloc(131_072);
    for (let at = 0; at < requests.length; at += 2) requests.set([2, 255], at);
    vmm.pause();
    vmm.on('error', () => {});
    vmm.end(requests); // a server that goes on reads all of it, and then sees its end
    assert.match(await Promise.race([reported('vmm-fault'), reported('detached')]), 'not read');
  }),
);

entropy('a second VMM is refused, and the first goes on', () =>
  withServer(async ({ attach, reported }) => {
    const first = await attach();
    const refused = reported('refused');
    const accepted = reported('attached');
    await attach();
    assert.match(await Promise.race([refused, accepted]), 'second VMM');
    first.write(Buffer.from([2, 4]));
    await take(first, 4);
  }),
);

entropy.run();
