/**
 * A domain that has a credential and means no good: whatever it seals, the broker answers or ends the session. Never a
 * throw, never a hang, memory within bounds, and nobody else notices. FUZZ_SECONDS sets the budget.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeDomainFrame, Op, RecordType } from '../../broker/wire/index.ts';
import { PORT } from '../support/core/harness.ts';
import { type Client, joined, PeerHarness, turns } from '../support/peer/harness.ts';
import type { Random } from '../support/random.ts';
import { fuzzUntil } from '../support/seed.ts';

const fuzzing = suite('peer fuzz');
const OPS = [...Object.values(Op), 0, 0x7f, 0xff];
const MAX_HELD_BYTES = 4 * 1024 * 1024;

/** A frame that is nearly right, or anything. */
function frame(random: Random, hostile: Client, victim: number): Uint8Array {
  const id = random.uint32();
  const port = random.pick([PORT, PORT, 0, 0xffff_ffff, random.below(20)]);
  const partner = random.pick([0x7ff4, victim, 1, 3, 0xffff]);
  const length = random.pick([48, 64, 4096, 65_536, 0, 47, 16_777_152]);
  switch (random.below(9)) {
    case 0:
      return encodeDomainFrame({
        op: Op.registerRing,
        id,
        port,
        partner,
        pad: 0,
        length,
        flags: random.below(3),
        unread: random.pick([0, 0, 16, 64]),
      });
    case 1:
      return encodeDomainFrame({ op: Op.unregisterRing, id, port, partner, pad: random.below(2) });
    case 2: {
      const queries = Array.from({ length: random.pick([0, 1, 3, 257]) }, () => ({
        domid: partner,
        pad: 0,
        port,
        spaceRequired: random.pick([0, 16, 5_000, 0xffff_ffff]),
      }));
      return encodeDomainFrame({ op: Op.notify, id, queries: random.oneIn(3) ? null : queries });
    }
    case 3:
      return encodeDomainFrame({ op: Op.credit, ring: random.below(4), bytes: random.pick([0, 0, 16, 32]) });
    case 4:
      return encodeDomainFrame({ op: Op.resolve, id, name: random.pick(['b', 'nobody', '', '__proto__']) });
    case 5:
      return encodeDomainFrame({ op: random.pick([Op.ping, Op.pong]), id });
    default: {
      const payload = random.bytes(random.pick([0, 1, 16, 40, 2_000]));
      const source = random.pick([0x7ff4, 0x7ff4, victim, 1]);
      return hostile.sendFrame({
        to: random.pick([victim, victim, 1, 3, 77]),
        port,
        payload,
        source,
        flags: random.pick([0, 0, 1, 2, 3, 4]),
      });
    }
  }
}

function plaintext(random: Random, hostile: Client, victim: number): Uint8Array {
  const frames = Array.from({ length: 1 + random.below(12) }, () => frame(random, hostile, victim));
  const whole = joined(...frames);
  if (random.oneIn(20)) return random.mutate(whole);
  if (random.oneIn(40)) return random.bytes(random.below(200));
  if (random.oneIn(40)) whole[4] = random.pick(OPS);
  return whole;
}

/** What the sessions hold for carriers that do not read. */
const held = (bench: PeerHarness): number => bench.sessions.peers().reduce((sum, peer) => sum + peer.controlBytes, 0);

fuzzing('an authenticated hostile client gets answers or is let go; the others go on', async () => {
  await fuzzUntil(async (random) => {
    const bench = await PeerHarness.open('a', 'b', 'c');
    const b = await bench.listen('b', 4_096);
    const c = await bench.connect('c');
    const a = await bench.connect('a');
    for (let i = 0; i < 60 && !a.carrier.isClosed; i++) {
      const record = a.seal(
        plaintext(random, a, bench.domid('b')),
        random.oneIn(60) ? RecordType.close : RecordType.data,
      );
      a.carrier.feed(random.oneIn(60) ? random.mutate(record) : record);
      if (random.oneIn(5)) a.carrier.hasRoom = false;
      if (random.oneIn(4)) await turns(1);
      if (random.oneIn(10)) a.carrier.drain();
      assert.ok(held(bench) < MAX_HELD_BYTES);
      for (const state of bench.argo.domains()) {
        let sum = 0;
        for (const ring of state.ringsByHandle.values()) {
          assert.ok(ring.used >= 0 && ring.used <= ring.length - 16);
          sum += ring.length;
        }
        assert.is(sum, state.ringBytes);
      }
    }
    await turns();
    // Everything that was delivered came from `a`, and no other session has ended.
    assert.ok(b.read().messages.every(({ source }) => source === bench.domid('a')));
    assert.not(b.carrier.isClosed || c.carrier.isClosed);
    c.say({ op: Op.ping, id: 5 });
    await turns();
    assert.equal(c.read().of(Op.brokerPong).at(-1), { op: Op.brokerPong, id: 5 });
    await bench.adopt({
      domains: ['a', 'b', 'c'],
      rows: ['p, @any, broker, argo, *, allow', 'p, b, c, argo, send, allow'],
    });
    bench.close();
    await turns(2);
    for (const state of bench.argo.domains())
      assert.equal([state.sink, state.ringBytes, state.ports.size], [null, 0, 0]);
  });
});

fuzzing('a stranger that sends anything at all is turned away, and costs no session', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  const hello = await (await bench.client('a')).sayHello();
  await fuzzUntil(async (random) => {
    const carrier = bench.carrier();
    for (let i = 0; i < 5 && !carrier.isClosed; i++) {
      const bytes = random.oneIn(3) ? random.bytes(random.below(400)) : random.mutate(new Uint8Array(hello));
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.below(bytes.length);
        carrier.feed(bytes.slice(at, at + size));
        at += size;
      }
      await turns(1);
    }
    carrier.lose();
    assert.is(bench.sessions.count, 1);
  });
  await turns();
  a.say({ op: Op.ping, id: 1 });
  await turns();
  assert.is(a.read().of(Op.brokerPong).length, 1);
  bench.close();
});

fuzzing.run();
