/**
 * What a VM with a genuine key may say to make the broker work, and that nobody else waits for it. Work is counted in
 * turns and units (broker/turns), never in time.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HandshakeContext } from '../../broker/channel/index.ts';
import {
  FAULT_UNITS,
  FAULT_WEIGHT,
  HELLO_UNITS,
  openUnits,
  QUANTUM_UNITS,
  READ_UNITS,
  readByteUnits,
  SEARCH_UNITS,
  SLICE_UNITS,
  sendUnits,
} from '../../broker/turns/index.ts';
import {
  CloseCode,
  DOMID_ANY,
  type DomainFrame,
  encodeDomainFrame,
  encodeRecordHeader,
  FRAME_HEADER_BYTES,
  MAX_NOTIFY_ENTRIES,
  Op,
  PLACES_PER_SEARCH,
  RecordType,
} from '../../broker/wire/index.ts';
import { CLONE_SAFE_SUITES } from '../../keys/index.ts';
import { OPEN, PORT } from '../support/core/harness.ts';
import { Client, HANDSHAKE, joined, KEYS, MemoryCarrier, PeerHarness, turns as pass } from '../support/peer/harness.ts';

const CHUNK_BYTES = 200_000;
const ATTACKERS = 8;
/** The largest piece of work of all attacks is a hello; each attacker's chunk is read once besides. */
const PIECE_UNITS = HELLO_UNITS + ATTACKERS * (READ_UNITS + readByteUnits(2 * CHUNK_BYTES, false));
const EXCHANGES = 12;

/** The broker's turns, taken one by one; what else the event loop does goes on as it likes. */
class Steps {
  #due: (() => void)[] = [];
  readonly schedule = (task: () => void): void => void this.#due.push(task);

  /** False when nothing was due. */
  step(): boolean {
    const due = this.#due;
    this.#due = [];
    for (const task of due) task();
    return due.length > 0;
  }

  /** Takes turns until it has settled. */
  async until<T>(work: Promise<T>): Promise<T> {
    let isThere = false;
    void work.then(() => {
      isThere = true;
    });
    while (!isThere) {
      this.step();
      await pass(1);
    }
    return work;
  }

  /** Lets all go on until there is no more work, for set-up. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 4; ) {
      idle = this.step() ? 0 : idle + 1;
      await pass(1);
    }
  }
}

type Attack = (client: Client) => Promise<Uint8Array> | Uint8Array;

function frames(frame: DomainFrame, perRecord: number): Attack {
  return (client) => {
    const plaintext = joined(...Array.from({ length: perRecord }, () => encodeDomainFrame(frame)));
    const records = Math.max(1, Math.floor(CHUNK_BYTES / (plaintext.length + 40)));
    return joined(...Array.from({ length: records }, () => client.seal(plaintext)));
  };
}

const register: DomainFrame = {
  op: Op.registerRing,
  id: 1,
  port: PORT + 1,
  partner: DOMID_ANY,
  pad: 0,
  length: 4096,
  flags: 0,
  unread: 0,
};
const unregister: DomainFrame = { op: Op.unregisterRing, id: 2, port: PORT + 1, partner: DOMID_ANY, pad: 0 };
const queries = Array.from({ length: MAX_NOTIFY_ENTRIES }, () => ({
  domid: 2,
  port: PORT,
  spaceRequired: 16,
  pad: 0,
}));

const badHello = joined(encodeRecordHeader(RecordType.hello, 0, 0, 1), new Uint8Array(1));

/** `turns`: the longest that an innocent send waits. A verified hello comes back when it likes, so each VM may be new again. */
const ATTACKS: readonly (readonly [label: string, attack: Attack, turns?: number])[] = [
  ['tiny records of one pong each', frames({ op: Op.pong, id: 1 }, 1)],
  ['full records of pongs', frames({ op: Op.pong, id: 1 }, 5_000)],
  ['full records of pings', frames({ op: Op.ping, id: 1 }, 5_000)],
  ['notify with 256 entries', frames({ op: Op.notify, id: 1, queries }, 8)],
  [
    'a register and unregister loop',
    (client) => {
      const pair = joined(encodeDomainFrame(register), encodeDomainFrame(unregister));
      return joined(
        ...Array.from({ length: 40 }, () => client.seal(joined(...Array.from({ length: 50 }, () => pair)))),
      );
    },
  ],
  ['bad hellos on a running session', () => joined(...Array.from({ length: CHUNK_BYTES / 25 }, () => badHello))],
  [
    'valid hellos on a running session',
    async ({ identity }) => {
      const hello = await new Client(new MemoryCarrier(), identity).sayHello();
      return joined(...Array.from({ length: Math.floor(CHUNK_BYTES / hello.length) }, () => hello));
    },
    ATTACKERS + 1,
  ],
];

async function unitsOf(
  bench: PeerHarness,
  names: readonly string[],
  work: () => Promise<void> | void,
): Promise<number> {
  const used = (): number => names.reduce((sum, name) => sum + bench.context.turns.share(name).used, 0);
  const before = used();
  await work();
  return used() - before;
}

const attacks = suite('attacks');

for (const [label, attack, most = 1] of ATTACKS) {
  attacks(`${label}: ${ATTACKERS} VMs hold up an innocent pair for ${most} turns at most`, async () => {
    const steps = new Steps();
    const names = Array.from({ length: ATTACKERS }, (_, index) => `bad-${index}`);
    const policy = { domains: ['a', 'b', ...names], rows: OPEN };
    const bench = await PeerHarness.of(policy, HANDSHAKE, null, steps.schedule);
    const b = await steps.until(bench.listen('b'));
    const a = await steps.until(bench.connect('a'));
    const bad: Client[] = [];
    for (const name of names) bad.push(await steps.until(bench.connect(name)));
    await steps.settle();

    const chunks = await Promise.all(bad.map((client) => attack(client)));
    const atOnce = await unitsOf(bench, names, () => {
      for (const [index, client] of bad.entries()) client.carrier.feed(chunks[index] ?? new Uint8Array(0));
    });
    assert.ok(atOnce <= QUANTUM_UNITS + PIECE_UNITS, `${atOnce} units at once`);
    // Each attacker is new to the turns once, and has a slice like anybody who is.
    for (let turn = 0; turn < 2 * ATTACKERS; turn++) {
      steps.step();
      await pass(1);
    }
    for (let exchange = 1; exchange <= EXCHANGES; exchange++) {
      a.send({ to: bench.domid('b'), payload: 'x' });
      for (let turn = 1; b.read().messages.length < exchange; turn++) {
        assert.ok(turn <= most, `turn ${turn}`);
        const units = await unitsOf(bench, names, async () => {
          steps.step();
          await pass(2);
        });
        // Verified hellos go on at once, which is a quantum in all.
        assert.ok(units <= QUANTUM_UNITS + SLICE_UNITS + 2 * PIECE_UNITS, `${units} units in a turn`);
      }
    }
    for (const client of bad) assert.ok(client.carrier.isPaused, 'each attacker is held back');
    bench.close();
  });
}

for (const [label, attack] of ATTACKS) {
  attacks(`${label}: one VM has a slice at once`, async () => {
    const steps = new Steps();
    const bench = await PeerHarness.of({ domains: ['a', 'b'], rows: OPEN }, HANDSHAKE, null, steps.schedule);
    const a = await steps.until(bench.connect('a'));
    await steps.settle();
    const chunk = await attack(a);
    const units = await unitsOf(bench, ['a'], () => a.carrier.feed(chunk));
    assert.ok(units <= SLICE_UNITS + PIECE_UNITS - (ATTACKERS - 1) * readByteUnits(2 * CHUNK_BYTES, false), `${units}`);
    bench.close();
  });
}

attacks('false hello headers at serial ports: strangers hold up an innocent pair for one turn at most', async () => {
  const steps = new Steps();
  const names = Array.from({ length: ATTACKERS }, (_, index) => `bad-${index}`);
  const policy = { domains: ['a', 'b', ...names], rows: OPEN };
  const bench = await PeerHarness.of(policy, HANDSHAKE, null, steps.schedule);
  const b = await steps.until(bench.listen('b'));
  const a = await steps.until(bench.connect('a'));
  await steps.settle();
  const header = encodeRecordHeader(RecordType.hello, 0, 0, 16_384);
  const junk = joined(...Array.from({ length: CHUNK_BYTES / header.length }, () => header));
  const ports = names.map((name) => {
    const port = new MemoryCarrier(name);
    port.tellsOfRestart = false;
    bench.sessions.accept(port, () => {});
    return port;
  });
  // Each port is read once before it pauses.
  const most = QUANTUM_UNITS + SLICE_UNITS + SEARCH_UNITS + ATTACKERS * (READ_UNITS + readByteUnits(junk.length, true));
  for (let round = 0; round < 40; round++) {
    const units = await unitsOf(bench, names, () => {
      for (const port of ports) port.feed(junk);
      steps.step();
    });
    assert.ok(units <= most, `${units} units in a turn`);
    if (round < ATTACKERS) continue;
    a.send({ to: bench.domid('b'), payload: 'x' });
    steps.step();
    await pass(2);
    assert.is(b.read().messages.length, round - ATTACKERS + 1);
  }
  bench.close();
});

attacks('preambles that are no hello are paid for, and are searched a little at a time', async () => {
  const steps = new Steps();
  const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN }, HANDSHAKE, null, steps.schedule);
  const port = new MemoryCarrier('a');
  port.tellsOfRestart = false;
  bench.sessions.accept(port, () => {});
  // The next preamble is read as the length of the one before, which is too long.
  const preamble = encodeRecordHeader(RecordType.hello, 0, 0, 0).subarray(0, 16);
  const places = Math.floor(CHUNK_BYTES / preamble.length);
  const junk = joined(...Array.from({ length: places }, () => preamble));
  const atOnce = await unitsOf(bench, ['a'], () => port.feed(junk));
  assert.ok(
    atOnce <= QUANTUM_UNITS + SEARCH_UNITS + (READ_UNITS + readByteUnits(junk.length, true)),
    `${atOnce} units at once`,
  );
  const later = await unitsOf(bench, ['a'], () => steps.settle());
  const price = (SEARCH_UNITS / PLACES_PER_SEARCH) * places;
  assert.ok(atOnce + later >= price - SEARCH_UNITS, `${atOnce + later} of ${price} units`);
  assert.is(port.isPaused, false, 'all is searched, and the port is read again');
  bench.close();
});

attacks('hellos whose answers are not read are not answered, and nothing piles up', async () => {
  const bench = await PeerHarness.open('a');
  const a = await bench.connect('a');
  const hello = await new Client(new MemoryCarrier(), await KEYS.of('a')).sayHello();
  a.carrier.hasRoom = false;
  const before = a.carrier.written.length;
  const paid = bench.context.turns.share('a').used;
  a.carrier.feed(joined(...Array.from({ length: 50 }, () => hello)));
  await a.carrier.whenWritten();
  await pass(200);
  assert.is(a.carrier.written.length, before + 1);
  assert.is(
    bench.context.turns.share('a').used - paid,
    READ_UNITS + readByteUnits(50 * hello.length, false) + HELLO_UNITS,
  );
  assert.ok(a.carrier.isPaused);
  bench.close();
});

attacks('messages pay for themselves, until the same sender has filled a ring that nobody reads', async () => {
  const bench = await PeerHarness.open('a', 'b');
  await bench.listen('b', 4 * 1024 * 1024);
  const a = await bench.connect('a');
  const { allowance } = bench.context.turns.share('a');
  const send = async (count: number): Promise<number> => {
    const before = allowance.left;
    for (let sent = 0; sent < count; sent += 1_000)
      a.sayFrames(...Array.from({ length: 1_000 }, () => a.sendFrame({ to: 2, payload: '' })));
    await bench.settled();
    return before - allowance.left;
  };
  assert.ok((await send(2_000)) <= 0);
  await send(15_000);
  assert.ok((await send(2_000)) > 1_000_000);
  bench.close();
});

attacks('a record of messages for one ring costs a tenth of one that changes between two rings', async () => {
  const bench = await PeerHarness.open('a', 'b', 'c');
  for (const name of ['b', 'c']) await bench.listen(name, 1024 * 1024);
  const a = await bench.connect('a');
  const share = bench.context.turns.share('a');
  const paid = async (to: (index: number) => number): Promise<number> => {
    const before = share.used;
    a.sayFrames(...Array.from({ length: 1_000 }, (_, index) => a.sendFrame({ to: to(index), payload: '' })));
    await bench.settled();
    return share.used - before;
  };
  const run = await paid(() => 2);
  assert.ok((await paid((index) => 2 + (index % 2))) - run >= 999 * (sendUnits(false, false) - sendUnits(true, false)));
  assert.ok(sendUnits(false, false) >= 10 * sendUnits(true, false));
  assert.ok(run < QUANTUM_UNITS, 'an honest stream of small messages is not interrupted');
  bench.close();
});

attacks('a message with an audit record of its own pays for the record', async () => {
  const bench = await PeerHarness.of({ domains: ['a', 'b'], rows: [...OPEN, 'p, a, b, audited, send, allow'] });
  const [a, b] = [await bench.connect('a'), await bench.connect('b')];
  const share = bench.context.turns.share('a');
  const paid = async (port: number): Promise<number> => {
    b.say({ op: Op.registerRing, id: port, port, partner: DOMID_ANY, pad: 0, length: 65_536, flags: 0, unread: 0 });
    await bench.settled();
    const before = share.used;
    a.sayFrames(...Array.from({ length: 10 }, () => a.sendFrame({ to: 2, port, payload: 'x' })));
    await bench.settled();
    return share.used - before;
  };
  assert.ok(sendUnits(false, true) >= 5 * sendUnits(false, false));
  const silent = await paid(PORT);
  assert.is(
    (await paid(1000)) - silent,
    10 * sendUnits(false, true) - sendUnits(false, false) - 9 * sendUnits(true, false),
  );
  bench.close();
});

attacks('whoever reads the smallest messages one by one pays for each credit, and never rests', async () => {
  const bench = await PeerHarness.open('a', 'b');
  const receiver = await bench.listen('b');
  const a = await bench.connect('a');
  const { allowance } = bench.context.turns.share('b');
  const before = allowance.left;
  for (let count = 0; count < 500; count++) {
    a.send({ to: 2, payload: 'x' });
    await pass();
    receiver.read();
    receiver.say({ op: Op.credit, ring: 1, bytes: 32 });
  }
  await bench.settled();
  assert.ok(allowance.left >= before, `${before - allowance.left} units less`);
  // Each receipt counts once: whoever asks afterwards pays for it.
  const read = allowance.left;
  for (let count = 0; count < 100; count++) receiver.say({ op: Op.ping, id: count });
  await bench.settled();
  assert.ok(read - allowance.left >= 500_000, `${read - allowance.left} units less`);
  bench.close();
});

attacks('a record of a suite that is slow is paid for as such', async () => {
  const paidWith = async (suitesOf: HandshakeContext['suitesOf'] = () => null): Promise<number> => {
    const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN }, { ...HANDSHAKE, suitesOf });
    const a = await bench.connect('a');
    const before = bench.context.turns.share('a').used;
    a.say({ op: Op.pong, id: 1 });
    await bench.settled();
    bench.close();
    return bench.context.turns.share('a').used - before;
  };
  const [fast, slow] = [await paidWith(), await paidWith(() => CLONE_SAFE_SUITES)];
  const record = (isSlow: boolean): number => openUnits(FRAME_HEADER_BYTES, isSlow);
  assert.is(slow - fast, record(true) - record(false));
});

attacks('a domain that changes keys with every record is closed, with a fault of its own', async () => {
  let now = 0;
  const hasty: HandshakeContext = { ...HANDSHAKE, clock: () => now };
  const bench = await PeerHarness.open('a');
  const client = new Client(bench.carrier(), await KEYS.of('a'), hasty);
  assert.ok(await client.handshake());
  const before = bench.context.turns.share('a').used;
  for (let epoch = 0; epoch < 17; epoch++) {
    now += 120_001;
    client.say({ op: Op.pong, id: 1 });
  }
  await pass(20);
  assert.equal(bench.sessionLog.slice(1), ['peer.fault REKEYED_TOO_OFTEN', 'session.close fault']);
  assert.ok(bench.context.turns.share('a').used - before >= 16 * 40_000, 'each change was paid for');
});

attacks('a session that ends with a fault is paid for as forty times its work, so that fewer follow', async () => {
  const bench = await PeerHarness.open('a');
  const share = bench.context.turns.share('a');
  const spentBy = async (end: (client: Client) => void): Promise<number> => {
    const client = await bench.connect('a');
    const before = share.allowance.left;
    end(client);
    await pass(4);
    assert.ok(client.carrier.isEnded || client.carrier.isClosed);
    return before - share.allowance.left;
  };
  const polite = await spentBy((client) =>
    client.carrier.feed(client.seal(Uint8Array.of(CloseCode.done), RecordType.close)),
  );
  const faulty = await spentBy((client) => client.carrier.feed(client.seal(new Uint8Array(1))));
  assert.ok(faulty - polite >= FAULT_WEIGHT * FAULT_UNITS, `${faulty} ${polite}`);
  assert.is(bench.sessionLog.at(-1), 'session.close fault');
  bench.close();
});

attacks('a domain that changes keys because they are old is not', async () => {
  let now = 0;
  const clock: HandshakeContext = { ...HANDSHAKE, clock: () => now };
  const bench = await PeerHarness.of({ domains: ['a'], rows: OPEN }, clock);
  const client = new Client(bench.carrier(), await KEYS.of('a'), clock);
  assert.ok(await client.handshake());
  for (let epoch = 0; epoch < 24; epoch++) {
    now += 120_001;
    client.say({ op: Op.pong, id: 1 });
    await pass(1);
  }
  assert.equal(bench.sessionLog, ['session.open']);
  bench.close();
});

attacks.run();
