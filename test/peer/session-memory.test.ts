/** What sessions hold is charged to their domains, and a domain without room is not read. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Accounts } from '../../broker/core/accounts.ts';
import { SessionMemory } from '../../broker/peer/session-memory.ts';
import { MEMORY_RETRY_MS, SESSION_FREE_BYTES, SILENCE_LIMIT_MS, SWEEP_MS } from '../../broker/process/index.ts';
import { encodeRecordHeader, RecordType } from '../../broker/wire/index.ts';
import { FakeClock } from '../support/clock.ts';
import { OPEN } from '../support/core/harness.ts';
import { type Client, HANDSHAKE, PeerHarness, turns } from '../support/peer/harness.ts';

const MIB = 1_048_576;
const CHUNK_BYTES = 65_536;

const memory = suite('session memory');

memory('a constant for each session is not charged; what is above is, all of it', () => {
  const account = new Accounts(100 * MIB).open('a');
  const session = new SessionMemory(account, () => {});
  assert.ok(session.settle(SESSION_FREE_BYTES));
  assert.is(account.held, 0);
  assert.ok(session.settle(SESSION_FREE_BYTES + 1));
  assert.is(account.held, SESSION_FREE_BYTES + 1);
  assert.ok(session.settle(2 * MIB));
  assert.is(account.held, 2 * MIB);
  session.close();
  assert.is(account.held, 0);
});

memory('without room nothing is charged, and what was charged before stays', () => {
  const account = new Accounts(10 * MIB).open('a');
  const session = new SessionMemory(account, () => {});
  assert.ok(session.settle(4 * MIB));
  assert.not(session.settle(6 * MIB));
  assert.is(account.held, 4 * MIB);
  assert.is(account.heldBack, 1);
});

memory('who waits for memory is told when a session gives some back, and only then', () => {
  let told = 0;
  const session = new SessionMemory(new Accounts(10 * MIB).open('a'), () => {
    told++;
  });
  session.settle(2 * MIB);
  session.settle(3 * MIB);
  assert.is(told, 0);
  session.settle(MIB);
  session.settle(MIB);
  assert.is(told, 1);
});

memory('a stranger that has proved who it is moves its charge to its domain', () => {
  const accounts = new Accounts(10 * MIB);
  const session = new SessionMemory(accounts.ofSessions('strangers'), () => {});
  session.settle(MIB);
  session.moveTo(accounts.ofSessions('a'));
  assert.is(accounts.ofSessions('strangers').held, 0);
  session.settle(2 * MIB);
  assert.is(accounts.ofSessions('a').held, 2 * MIB);
});

/** Begins a record of `length` bytes and sends `bytes` of it, as far as it is read. */
function halfSend(client: Client, length: number, bytes: number): void {
  client.carrier.feed(encodeRecordHeader(RecordType.data, 0, 1, length));
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) client.carrier.feed(new Uint8Array(CHUNK_BYTES));
}

async function harness(clock: FakeClock, memoryBytes: number): Promise<PeerHarness> {
  const text = { domains: ['a', 'b', 'c'], rows: OPEN };
  return PeerHarness.of(text, HANDSHAKE, clock, setImmediate, memoryBytes);
}

memory('half-sent records are charged as they come, and their domain is not read past its share', async () => {
  const bench = await harness(new FakeClock(Date.now()), 8 * MIB);
  const [a, b, c] = [await bench.connect('a'), await bench.connect('b'), await bench.listen('c')];
  halfSend(a, 15 * MIB, 15 * MIB);
  await turns();
  const account = bench.argo.accounts.ofSessions('a');
  assert.ok(a.carrier.isPaused);
  assert.ok(account.held > MIB && account.held <= 4 * MIB, `${account.held}`);
  assert.ok(account.heldBack > 0);
  // Others have their share, and the messages of `a` have one of their own.
  b.send({ to: bench.domid('c'), payload: 'hello' });
  await turns();
  assert.equal(c.read().payloads, ['hello']);
  a.carrier.lose();
  assert.is(account.held, 0);
  bench.close();
});

memory('the domain is read on when others have given memory back', async () => {
  const clock = new FakeClock(Date.now());
  const bench = await harness(clock, 8 * MIB);
  const [a, b] = [await bench.connect('a'), await bench.connect('b')];
  halfSend(a, 3 * MIB, 3 * MIB - CHUNK_BYTES);
  halfSend(b, 3 * MIB, 3 * MIB - CHUNK_BYTES);
  await turns();
  assert.not(a.carrier.isPaused);
  assert.ok(b.carrier.isPaused);
  a.carrier.lose();
  clock.advance(MEMORY_RETRY_MS);
  await turns();
  assert.not(b.carrier.isPaused);
  bench.close();
});

memory('a domain that never gets room is given up like any silent one, with nothing left behind', async () => {
  const clock = new FakeClock(Date.now());
  const bench = await harness(clock, 8 * MIB);
  const a = await bench.connect('a');
  halfSend(a, 15 * MIB, 15 * MIB);
  await turns();
  for (let passed = 0; passed <= SILENCE_LIMIT_MS + SWEEP_MS; passed += SWEEP_MS) clock.advance(SWEEP_MS);
  await turns();
  assert.equal(bench.sessionLog, ['session.open', 'session.close silent']);
  assert.is(bench.argo.accounts.ofSessions('a').held, 0);
  assert.is(bench.argo.accounts.free, 8 * MIB);
  bench.close();
  await turns();
  assert.is(clock.pendingTimers, 0);
});

memory('sealed bytes that a carrier keeps are charged to the domain that does not take them', async () => {
  const bench = await harness(new FakeClock(Date.now()), 8 * MIB);
  const [a, b] = [await bench.connect('a'), await bench.listen('b')];
  b.carrier.hasRoom = false;
  b.carrier.heldBytes = MIB;
  a.send({ to: bench.domid('b'), payload: 'x' });
  await turns();
  const account = bench.argo.accounts.ofSessions('b');
  assert.is(account.held, MIB);
  assert.is(bench.argo.accounts.ofSessions('a').held, 0);
  b.carrier.heldBytes = 0;
  b.carrier.drain();
  assert.is(account.held, 0);
});

memory('a domain that leaves more than its share sealed is not read until it takes some', async () => {
  const clock = new FakeClock(Date.now());
  const bench = await harness(clock, 8 * MIB);
  const [a, b] = [await bench.connect('a'), await bench.listen('b')];
  b.carrier.hasRoom = false;
  b.carrier.heldBytes = 5 * MIB;
  a.send({ to: bench.domid('b'), payload: 'x' });
  await turns();
  assert.ok(b.carrier.isPaused);
  assert.not(a.carrier.isPaused);
  b.carrier.heldBytes = 0;
  b.carrier.drain();
  clock.advance(MEMORY_RETRY_MS);
  assert.not(b.carrier.isPaused);
});

memory.run();
