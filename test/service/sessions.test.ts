import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signCredentialChange } from '../../broker/channel/index.ts';
import { CLOCK_TOLERANCE_SECONDS, PING_AFTER_MS, SILENCE_LIMIT_MS, SWEEP_MS } from '../../broker/process/limits.ts';
import { Op, RecordType, Status } from '../../broker/wire/index.ts';
import { type Identity, issueIdentity } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { OPEN } from '../support/core/harness.ts';
import { type Client, HANDSHAKE, KEYS, PeerHarness, turns } from '../support/peer/harness.ts';
import { temporaryDirectory } from '../support/temp.ts';

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

sessions('a domain that must be clone-safe from now on loses a session that is not, and comes back', async () => {
  const text = { domains: ['sender', 'receiver'], rows: OPEN };
  const harness = await PeerHarness.of(text);
  const [client] = [await harness.connect('sender'), await harness.connect('receiver')];
  await harness.adopt({ ...text, about: { sender: 'cloneSafe: true' } });
  await harness.settled();
  client.read();
  assert.is(client.records.at(-1), RecordType.close);
  assert.is(harness.sessionLog.at(-1), 'session.close must be clone-safe now');
  assert.equal(
    harness.sessions.peers().map(({ state }) => state.domain.name),
    ['receiver'],
  );
  harness.close();
});

/** The same holder with a new key, or with a credential that lasts longer. */
const holder = (ttlSeconds: number, now: number): Promise<Identity> =>
  issueIdentity(KEYS.authority, temporaryDirectory(), { name: 'sender', role: 'domain', ttlSeconds }, 'unsealed', {
    now,
  });

/** What the broker answers, when the check in the thread pool and the log are done. */
async function present(client: Client, identity: Identity): Promise<number | undefined> {
  const session = client.established;
  assert.ok(session !== null);
  const before = client.of(Op.reply).length;
  client.say({ op: Op.credential, id: 9, statement: await signCredentialChange(identity, session) });
  while (client.read().of(Op.reply).length === before) await turns(1);
  return client.of(Op.reply).at(-1)?.status;
}

sessions('a new credential carries the session past the end of the old one', async () => {
  const { clock, harness, client } = await open();
  const rotated = await holder(3 * 3_600, clock.wall());
  assert.is(await present(client, rotated), Status.OK);
  assert.is(harness.sessions.expiryOf('sender'), rotated.credential.expiresAt);
  assert.is(
    harness.sessions.endRevoked(({ thumbprint }) => thumbprint === client.identity.thumbprint),
    0,
  );
  clock.step(TTL_MS + 2 * CLOCK_TOLERANCE_SECONDS * 1_000);
  clock.advance(SWEEP_MS);
  assert.is(harness.sessions.count, 1, 'the old credential has expired');
  assert.is(
    harness.sessions.endRevoked(({ thumbprint }) => thumbprint === rotated.thumbprint),
    1,
  );
  harness.close();
});

sessions('a credential that does not count changes nothing', async () => {
  const { clock, harness, client } = await open();
  const before = harness.sessions.expiryOf('sender');
  const stranger = await KEYS.of('receiver');
  assert.is(await present(client, stranger), Status.EACCES);
  harness.isKeyGood = false;
  assert.is(await present(client, await holder(60, clock.wall())), Status.EACCES, 'a revoked key');
  assert.is(harness.sessions.expiryOf('sender'), before);
  assert.is(harness.sessions.count, 1);
  assert.equal(
    [...harness.sessions.refusals],
    [
      ['WRONG_PEER', 1],
      ['REVOKED', 1],
    ],
  );
  harness.close();
});

sessions('one credential is checked at a time, and the rest of the session does not wait for it', async () => {
  const { harness, client } = await open();
  const checks: ((status: Status) => void)[] = [];
  harness.sessions.onCredential = () => new Promise((resolve) => checks.push(resolve));
  const statement = 'checked in the thread pool, for as long as the test wants';
  client.say({ op: Op.credential, id: 1, statement }, { op: Op.credential, id: 2, statement }, { op: Op.ping, id: 3 });
  while (client.read().of(Op.brokerPong).length === 0) await turns(1);
  const answers = (): unknown =>
    client
      .read()
      .of(Op.reply)
      .map(({ id, status }) => [id, status]);
  assert.equal(answers(), [[2, Status.EBUSY]]);
  assert.is(checks.length, 1);
  for (const check of checks) check(Status.OK);
  while (client.read().of(Op.reply).length < 2) await turns(1);
  client.say({ op: Op.credential, id: 4, statement });
  while (checks.length < 2) await turns(1);
  assert.equal(answers(), [
    [2, Status.EBUSY],
    [1, Status.OK],
  ]);
  harness.close();
});

sessions.run();
