/**
 * What a unit of work costs the broker: the figures behind broker/turns/prices.ts, which are nanoseconds of CPU.
 *
 *   node --import tsx bench/prices.ts [--json]
 *
 * Each kind of work is said by one domain, in records that are sealed before the clock runs, to a broker in this process
 * with everything real but the socket. The median of several rounds counts; the process's CPU time is measured, so other
 * processes disturb it little.
 */
import Table from 'cli-table3';
import { answerHello, beginHello } from '../broker/channel/handshake.ts';
import { Opener, Sealer, SOFT_EPOCH_LIMITS } from '../broker/channel/protection.ts';
import {
  Deframer,
  DOMID_ANY,
  type DomainFrame,
  encodeDomainFrame,
  MAX_NOTIFY_ENTRIES,
  Op,
  RecordType,
} from '../broker/wire/index.ts';
import { deriveSessionSecrets, selectAead } from '../keys/index.ts';
import { PORT } from '../test/support/core/harness.ts';
import { type Client, HANDSHAKE, joined, KEYS, PeerHarness, turns } from '../test/support/peer/harness.ts';
import { median } from './figures/stats.ts';
import { TABLE_STYLE } from './figures/table.ts';

const ROUNDS = 7;
const RECORDS = 200;
const FRAMES = 500;
const LARGE_BYTES = 60_000;
const RING_BYTES = 16 * 1024 * 1024;
const HELLOS = 50;

interface Price {
  readonly kind: string;
  readonly nanoseconds: number;
}

/** CPU nanoseconds per item: the median over rounds, the first of which warms up. */
async function priced(items: number, round: () => Promise<() => Promise<void>>): Promise<number> {
  const samples: number[] = [];
  for (let at = 0; at <= ROUNDS; at++) {
    const work = await round();
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (at > 0) samples.push(((user + system) * 1_000) / items);
  }
  return median(samples);
}

/** CPU nanoseconds for each of `records`, which are made of what `frames` returns. */
async function perRecord(
  records: number,
  frames: (client: Client, receiver: Client) => Uint8Array[],
  recover: (client: Client, receiver: Client) => Promise<void> = async () => {},
): Promise<number> {
  const harness = await PeerHarness.open('a', 'b');
  const receiver = await harness.listen('b', RING_BYTES);
  const client = await harness.connect('a');
  const cost = await priced(records, async () => {
    await recover(client, receiver);
    client.carrier.written = [];
    receiver.carrier.written = [];
    const sealed = Array.from({ length: records }, () => client.seal(joined(...frames(client, receiver))));
    return async () => {
      for (const record of sealed) client.carrier.feed(record);
      await harness.settled();
    };
  });
  harness.close();
  return cost;
}

const ALL_READ = async (_: Client, receiver: Client): Promise<void> => {
  const before = receiver.messages.length;
  await turns();
  receiver.read();
  let bytes = 0;
  for (const { payload } of receiver.messages.slice(before)) bytes += (Math.ceil(payload.length / 16) + 1) * 16;
  if (bytes > 0) receiver.say({ op: Op.credit, ring: 1, bytes });
  await turns();
};

const many = (count: number, frame: (index: number) => DomainFrame) => (): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => encodeDomainFrame(frame(index)));

async function hello(): Promise<number> {
  const [domain, broker] = [await KEYS.of('a'), await KEYS.of('the-broker', 'broker')];
  const { record } = await beginHello(domain, null, ['A256GCM'], HANDSHAKE);
  const deframer = new Deframer(65_536);
  deframer.push(record);
  const said = deframer.next();
  if (typeof said === 'string') throw new Error(said);
  return priced(HELLOS, async () => async () => {
    for (let count = 0; count < HELLOS; count++) await answerHello(broker, said, null, ['A256GCM'], HANDSHAKE);
  });
}

async function epoch(): Promise<number> {
  const aead = selectAead('A256GCM', null);
  const secrets = (): ReturnType<typeof deriveSessionSecrets> =>
    deriveSessionSecrets(new Uint8Array(32).fill(1), new Uint8Array(32));
  return priced(RECORDS, async () => {
    const sealer = new Sealer(aead, secrets().toBroker, HANDSHAKE.clock, { ...SOFT_EPOCH_LIMITS, records: 1 });
    const opener = new Opener(aead, secrets().toBroker, HANDSHAKE.clock);
    const records = Array.from({ length: RECORDS }, () => {
      const deframer = new Deframer(65_536);
      deframer.push(sealer.seal(RecordType.data, new Uint8Array(12)));
      const record = deframer.next();
      if (typeof record === 'string') throw new Error(record);
      return record;
    });
    return async () => {
      for (const record of records) if (opener.openInPlace(record) === null) throw new Error('does not open');
    };
  });
}

async function run(): Promise<Price[]> {
  const prices: Price[] = [];
  const add = (kind: string, nanoseconds: number): void => {
    prices.push({ kind, nanoseconds: Math.round(nanoseconds * 100) / 100 });
  };
  const onePong = await perRecord(
    RECORDS * 5,
    many(1, (id) => ({ op: Op.pong, id })),
  );
  const pongs = await perRecord(
    RECORDS,
    many(FRAMES, (id) => ({ op: Op.pong, id })),
  );
  const frame = (pongs - onePong) / (FRAMES - 1);
  add('record', onePong - frame);
  add('frame that says nothing (pong)', frame);
  const frames = async (kind: string, make: (id: number) => DomainFrame, count = FRAMES): Promise<void> => {
    add(kind, ((await perRecord(20, many(count, make))) - onePong) / count);
  };
  await frames('ping', (id) => ({ op: Op.ping, id }));
  await frames('resolve', (id) => ({ op: Op.resolve, id, name: 'b' }));
  await frames('notify without entries', (id) => ({ op: Op.notify, id, queries: [] }));
  const query = { domid: 2, port: PORT, spaceRequired: 16, pad: 0 };
  const queries = Array.from({ length: MAX_NOTIFY_ENTRIES }, () => query);
  add(
    'entry of notify',
    ((await perRecord(
      20,
      many(4, (id) => ({ op: Op.notify, id, queries })),
    )) -
      onePong) /
      (4 * MAX_NOTIFY_ENTRIES),
  );
  await frames('register and unregister', (id) =>
    id % 2 === 0
      ? { op: Op.registerRing, id, port: PORT + 1, partner: DOMID_ANY, pad: 0, length: 4096, flags: 0, unread: 0 }
      : { op: Op.unregisterRing, id, port: PORT + 1, partner: DOMID_ANY, pad: 0 },
  );
  await frames('credit for a closed ring', () => ({ op: Op.credit, ring: 0, bytes: 0 }));
  const small = await perRecord(
    20,
    (client) => Array.from({ length: FRAMES }, () => client.sendFrame({ to: 2, payload: 'x' })),
    ALL_READ,
  );
  add('sendv of one byte, delivered', (small - onePong) / FRAMES);
  const large = await perRecord(
    RECORDS,
    (client) => [client.sendFrame({ to: 2, payload: new Uint8Array(LARGE_BYTES) })],
    ALL_READ,
  );
  add('byte of a sendv, delivered', (large - onePong - small / FRAMES) / LARGE_BYTES);
  add('key epoch', await epoch());
  add('hello, answered', await hello());
  return prices;
}

const prices = await run();
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(prices)}\n`);
else {
  const table = new Table({ ...TABLE_STYLE, head: ['work', 'ns of CPU'], colAligns: ['left', 'right'] });
  for (const { kind, nanoseconds } of prices) table.push([kind, String(nanoseconds)]);
  process.stdout.write(`${table.toString()}\n`);
}
process.exit(0);
