import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLOCK_TOLERANCE_SECONDS, PING_AFTER_MS, SILENCE_LIMIT_MS, SWEEP_MS } from '../../broker/process/limits.ts';
import { Op, RecordType } from '../../broker/wire/index.ts';
import { FakeClock } from '../support/clock.ts';
import { OPEN } from '../support/core/harness.ts';
import { type Client, HANDSHAKE, PeerHarness, turns } from '../support/peer/harness.ts';

const sessions = suite('sessions: what time does to them');
/** Of the identities that the harness makes. */
const TTL_MS = 3_600_000;

async function open(): Promise<{ clock: FakeClock; harness: PeerHarness; client: Client }> {
  // The credentials are of now.
  const clock = new FakeClock(Date.now());
  const harness = await PeerHarness.of({ domains: ['sender', 'receiver'], rows: OPEN }, HANDSHAKE, clock);
  return { clock, harness, client: await harness.connect('sender') };
}

sessions('a session ends when its credential has expired, and not before', async () => {
  const { clock, harness, client } = await open();
  clock.step(TTL_MS + (CLOCK_TOLERANCE_SECONDS - 30) * 1_000);
  clock.advance(SWEEP_MS);
  assert.is(harness.sessions.count, 1);
  clock.step(60_000);
  clock.advance(SWEEP_MS - 1);
  assert.is(harness.sessions.count, 1, 'looked at once per sweep');
  clock.advance(1);
  assert.is(harness.sessions.count, 0);
  await turns();
  client.read();
  assert.is(client.records.at(-1), RecordType.close);
  assert.is(harness.sessionLog.at(-1), 'session.close credential expired');
  harness.close();
  assert.is(clock.pendingTimers, 0);
});

sessions('a silent domain is asked, and a session without an answer ends', async () => {
  const { clock, harness, client } = await open();
  clock.advance(PING_AFTER_MS);
  await turns();
  assert.is(client.read().of(Op.brokerPing).length, 0);
  clock.advance(SWEEP_MS);
  await turns();
  assert.is(client.read().of(Op.brokerPing).length, 1);
  client.say({ op: Op.pong, id: 0 });
  clock.advance(SILENCE_LIMIT_MS);
  assert.is(harness.sessions.count, 1, 'the answer counts');
  clock.advance(SWEEP_MS);
  assert.is(harness.sessions.count, 0);
  assert.is(harness.sessionLog.at(-1), 'session.close silent');
  harness.close();
});

sessions.run();
