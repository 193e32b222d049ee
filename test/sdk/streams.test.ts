/** Streams over messages, requests and replies, and batches. The examples of docs/sdk.md are run unchanged. */
import { readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Op, PORT_ALL, Status } from '../../broker/wire/index.ts';
import { ArgusError, nodeDuplex, type OpenFlow, type Ring, webStreams } from '../../clients/sdk/index.ts';
import { BrokerDouble, PEER_DOMID, PEER_NAME, settle } from '../support/sdk/broker-double.ts';
import { Loopback, OTHER_DOMID } from '../support/sdk/loopback.ts';

const streams = suite('sdk: streams');
const PORT = 9;

async function ends(loop: Loopback): Promise<{ flow: OpenFlow; ring: Ring }> {
  const ring = await loop.vm.registerRing({ port: PORT, partner: PEER_NAME, length: 1024 * 1024 });
  const flow = await loop.vm.flow({ to: { domain: PEER_NAME, port: PORT } });
  return { flow, ring };
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => (error instanceof ArgusError ? error.code : error),
  );
}

const BYTES = new Uint8Array(300_000).map((_, at) => (at * 31) & 0xff);

streams('the pair of the web: what is written is read, whole, and ends', async () => {
  const loop = await Loopback.start();
  const { readable, writable } = webStreams(await ends(loop));
  const writer = writable.getWriter();
  const written = (async () => {
    await writer.write(BYTES.subarray(0, 100_000));
    await writer.write(new Uint8Array(0)); // says nothing
    await writer.write(BYTES.subarray(100_000));
    await writer.close();
  })();
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  await written;
  assert.is(Buffer.compare(Buffer.concat(parts), BYTES), 0);
  assert.ok(parts.every(({ length }) => length > 0 && length <= 65_536));
  await loop.vm.close();
});

streams("Node's Duplex: a pipeline through it", async () => {
  const loop = await Loopback.start();
  const duplex = nodeDuplex(await ends(loop));
  const parts: Uint8Array[] = [];
  await pipeline([BYTES.subarray(0, 7), BYTES.subarray(7)], duplex, async (source: AsyncIterable<Uint8Array>) => {
    for await (const part of source) parts.push(part);
  });
  assert.is(Buffer.compare(Buffer.concat(parts), BYTES), 0);
  await loop.vm.close();
});

streams('a stream with a hole is an error, never shorter bytes', async () => {
  const loop = await Loopback.start();
  const { readable, writable } = webStreams(await ends(loop));
  loop.passes = ({ messageType }) => messageType !== 1;
  const writer = writable.getWriter();
  const written = writer.write(BYTES).catch(() => {});
  const reader = readable.getReader();
  assert.is((await reader.read()).value?.length, 65_536);
  assert.is(await codeOf(reader.read()), 'ERR_CLIENT_STREAM');
  await written;
  await loop.vm.close();
});

streams('a stream that is cut off is an error, and not an end', async () => {
  const loop = await Loopback.start();
  const { flow, ring } = await ends(loop);
  const { readable, writable } = webStreams({ flow, ring });
  const writer = writable.getWriter();
  await writer.write(Uint8Array.of(1));
  const reader = readable.getReader();
  assert.is((await reader.read()).value?.length, 1);
  const next = codeOf(reader.read());
  await ring.close();
  assert.is(await next, 'ERR_CLIENT_STREAM');
  await loop.vm.close();
});

streams('a stream whose sender has gone is an error, after what had come', async () => {
  const loop = await Loopback.start();
  const { readable, writable } = webStreams(await ends(loop));
  const writer = writable.getWriter();
  await writer.write(Uint8Array.of(1));
  const reader = readable.getReader();
  loop.broker.session.say({ op: Op.peerGone, domid: PEER_DOMID, port: PORT_ALL, messages: 0, bytes: 0 });
  assert.is((await reader.read()).value?.length, 1);
  assert.is(await codeOf(reader.read()), 'ERR_CLIENT_STREAM');
  await loop.vm.close();
});

for (const [shape, write] of [
  [
    'the web pair',
    async (both: { flow: OpenFlow; ring: Ring }) => {
      const writer = webStreams(both).writable.getWriter();
      await writer.write(Uint8Array.of(1));
      return writer.closed;
    },
  ],
  [
    "Node's Duplex",
    (both: { flow: OpenFlow; ring: Ring }) =>
      new Promise((_, reject) => {
        nodeDuplex(both).on('error', reject).write(Uint8Array.of(1));
      }),
  ],
] as const)
  streams(`a refused message fails ${shape}`, async () => {
    const broker = await BrokerDouble.start();
    const vm = await broker.connect();
    const ring = await vm.registerRing({ port: PORT, partner: PEER_NAME, length: 65_536 });
    const flow = await vm.flow({ to: { domain: PEER_NAME, port: PORT } });
    const failure = codeOf(write({ flow, ring }));
    await broker.session.until(Op.sendv);
    broker.session.say({ op: Op.refused, id: 1, status: Status.ECONNREFUSED, maxMessageSize: 0 });
    assert.is(await failure, 'ECONNREFUSED');
    await vm.close();
  });

streams('a ring for any domain carries no stream', async () => {
  const loop = await Loopback.start();
  const ring = await loop.vm.registerRing({ port: PORT, partner: 'any', length: 65_536 });
  const flow = await loop.vm.flow({ to: { domain: PEER_NAME, port: PORT } });
  for (const make of [webStreams, nodeDuplex]) {
    const made = (async () => make({ flow, ring }))();
    assert.is(await codeOf(made), 'EINVAL');
  }
  await loop.vm.close();
});

const requests = suite('sdk: requests');

async function asking(loop: Loopback): Promise<Ring> {
  return loop.vm.registerRing({ port: 2, partner: PEER_NAME, length: 65_536 });
}

requests('a request and its reply are one record each way', async () => {
  const loop = await Loopback.start();
  const from = await asking(loop);
  const served = await loop.vm.registerRing({ port: 7, partner: PEER_NAME, length: 65_536 });
  void loop.vm.answer(served, ({ payload }) => Uint8Array.from(payload).reverse());
  const to = { domain: PEER_NAME, port: 7 };
  assert.equal([...(await loop.vm.request({ to, from, iov: Uint8Array.of(1, 2, 3) })).payload], [3, 2, 1]);
  const before = loop.broker.session.records.length;
  const replies = [];
  for (let i = 0; i < 5; i++) replies.push((await loop.vm.request({ to, from, iov: Uint8Array.of(i, 9) })).payload[1]);
  assert.equal(replies, [0, 1, 2, 3, 4]);
  // The VM is both ends here, so there is a record for each request and one for each reply.
  assert.is(loop.broker.session.records.length - before, 10);
  await loop.vm.close();
});

requests('replies find their requests, in whatever order they come', async () => {
  const loop = await Loopback.start();
  const from = await asking(loop);
  const served = await loop.vm.registerRing({ port: 7, partner: PEER_NAME, length: 65_536 });
  const held: (() => void)[] = [];
  void loop.vm.answer(served, async ({ payload }) => {
    const reply = Uint8Array.from(payload);
    await new Promise<void>((resolve) => held.push(resolve));
    return reply;
  });
  const to = { domain: PEER_NAME, port: 7 };
  const asked = [1, 2, 3].map((each) => loop.vm.request({ to, from, iov: Uint8Array.of(each) }));
  while (held.length < 3) await settle();
  for (const resolve of held.reverse()) resolve();
  assert.equal(
    (await Promise.all(asked)).map(({ payload }) => payload[0]),
    [1, 2, 3],
  );
  await loop.vm.close();
});

requests('a reply of another domain is not the reply', async () => {
  const loop = await Loopback.start();
  const from = await loop.vm.registerRing({ port: 2, partner: 'any', length: 65_536 });
  loop.source = OTHER_DOMID;
  const reply = codeOf(
    loop.vm.request({ to: { domain: PEER_NAME, port: 2 }, from, iov: Uint8Array.of(1), deadline: 50 }),
  );
  await settle();
  await settle();
  loop.broker.clock.advance(60);
  assert.is(await reply, 'ETIMEDOUT');
  await loop.vm.close();
});

requests('without a reply the deadline ends the request; what comes later is dropped', async () => {
  const loop = await Loopback.start();
  const from = await asking(loop);
  loop.passes = () => false;
  const late = codeOf(
    loop.vm.request({ to: { domain: PEER_DOMID, port: 7 }, from, iov: Uint8Array.of(1), deadline: 50 }),
  );
  await settle();
  loop.broker.clock.advance(60);
  assert.is(await late, 'ETIMEDOUT');
  loop.broker.session.deliver(102, Uint8Array.of(1)); // its type answers no request
  await settle();
  await loop.vm.close();
});

requests('a refused request, a ring with another reader, a ring that closes', async () => {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect();
  const to = { domain: PEER_DOMID, port: 7 };
  const from = await vm.registerRing({ port: 2, partner: PEER_NAME, length: 65_536 });
  const refused = codeOf(vm.request({ to, from, iov: Uint8Array.of(1) }));
  await broker.session.until(Op.sendv);
  broker.session.say({ op: Op.refused, id: 1, status: Status.EACCES, maxMessageSize: 0 });
  assert.is(await refused, 'EACCES');
  const closed = codeOf(vm.request({ to, from, iov: Uint8Array.of(1) }));
  await from.close();
  assert.is(await closed, 'ECANCELED');
  const read = await vm.registerRing({ port: 3, partner: PEER_NAME, length: 65_536 });
  void read.consume(() => {});
  assert.is(await codeOf(vm.request({ to, from: read, iov: Uint8Array.of(1) })), 'EEXIST');
  await broker.session.until(Op.sendv, 3);
  broker.session.say({ op: Op.ack, through: 3 });
  await vm.close();
});

const batches = suite('sdk: batches');

batches('the messages of a record come in one call, also when the ring is closed behind them', async () => {
  const loop = await Loopback.start();
  const { session } = loop.broker;
  const ring = await loop.vm.registerRing({ port: 1, partner: 'any', length: 65_536 });
  const seen: number[][] = [];
  const done = codeOf(
    ring.consumeBatches((messages) => void seen.push(messages.map(({ payload }) => payload[0] ?? -1))),
  );
  const frame = (byte: number): Uint8Array => session.delivery(101, Uint8Array.of(byte));
  session.sayBytes(Buffer.concat([frame(1), frame(2), frame(3)]));
  await settle();
  session.sayBytes(Buffer.concat([frame(4), frame(5)]));
  await settle();
  assert.equal(seen, [
    [1, 2, 3],
    [4, 5],
  ]);
  session.deliver(101, Uint8Array.of(6));
  session.say({ op: Op.ringClosed, ring: 101, status: Status.EACCES });
  assert.is(await done, 'EACCES');
  assert.equal(seen.at(-1), [6]);
  await loop.vm.close();
});

batches('what a consumer throws ends it', async () => {
  const loop = await Loopback.start();
  const ring = await loop.vm.registerRing({ port: 1, partner: 'any', length: 65_536 });
  const failure = new Error('mine');
  const done = ring.consumeBatches(() => {
    throw failure;
  });
  const ended = done.catch((error: unknown) => error);
  loop.broker.session.deliver(101, Uint8Array.of(1));
  assert.is(await ended, failure);
  await loop.vm.close();
});

const document = suite('sdk: examples of the document');
const TEXT = readFileSync(new URL('../../docs/sdk.md', import.meta.url), 'utf8');

/** The first example below a heading, as a function of the names that it uses. */
function example(heading: string, names: readonly string[]): (...values: unknown[]) => Promise<unknown> {
  const section = TEXT.split(`\n### ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const code = /```js\n([\s\S]*?)```/.exec(section)?.[1];
  if (code === undefined) throw new Error(`docs/sdk.md has no example below "${heading}"`);
  const body = code.replace(/^import .*$/gm, '');
  return new Function(...names, `return (async () => {${body}})();`) as (...values: unknown[]) => Promise<unknown>;
}

document('flow', async () => {
  const loop = await Loopback.start();
  const console = { error: assert.unreachable };
  await example('flow', ['vm', 'chunks', 'console'])(loop.vm, [Uint8Array.of(1), Uint8Array.of(2)], console);
  assert.is(loop.broker.session.sends().length, 2);
  await loop.vm.close();
});

document('request and answer', async () => {
  const loop = await Loopback.start();
  const said: unknown[] = [];
  const console = { log: (each: unknown) => said.push(each) };
  await example('request and answer', ['vm', 'console'])(loop.vm, console);
  assert.equal(said, ['20:15']);
  await loop.vm.close();
});

document('Streams', async () => {
  const loop = await Loopback.start();
  const said: unknown[] = [];
  const console = { log: (each: unknown) => said.push(each) };
  await example('Streams', ['vm', 'webStreams', 'console'])(loop.vm, webStreams, console);
  assert.equal(said, ['hello', 5]);
  await loop.vm.close();
});

streams.run();
requests.run();
batches.run();
document.run();
