/** Which broker is believed on a pipe, from which moment on, and how long a session without a word lives. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFederationFrame, FederationOp } from '../../broker/federation/frames.ts';
import {
  frameUnits,
  openUnits,
  QUANTUM_UNITS,
  READ_UNITS,
  readByteUnits,
  recordUnits,
  SLICE_UNITS,
} from '../../broker/turns/index.ts';
import { BridgeHarness, REMOTE } from '../support/federation/harness.ts';
import { RemoteDouble, SessionHarness } from '../support/federation/session.ts';

const FRAMES = 6_000;
const RECORDS = 1_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const sessions = suite('session with a remote broker');

sessions('two brokers prove themselves to each other, whichever of them dials', async () => {
  for (const dials of [true, false]) {
    const session = await SessionHarness.start(dials);
    const remote = await RemoteDouble.start(REMOTE, session);
    await remote.greetAndProve();
    assert.equal(session.log, ['up']);
    remote.say(remote.sealed(new Uint8Array(0)));
    assert.equal(session.log, ['up']);
    session.end();
  }
});

for (const dials of [true, false]) {
  sessions(
    `another broker of the same authority on this pipe is refused (${dials ? 'dialled by us' : 'dials us'})`,
    async () => {
      const session = await SessionHarness.start(dials);
      const other = await RemoteDouble.start('three', session);
      await other.greet();
      await session.ended;
      assert.equal(session.log, ['ended WRONG_PEER before it was up']);
    },
  );

  sessions(`a wrong commitment under the right keys is refused (${dials ? 'dialled by us' : 'dials us'})`, async () => {
    const session = await SessionHarness.start(dials);
    const remote = await RemoteDouble.start(REMOTE, session);
    await remote.greet();
    remote.prove(new Uint8Array(32));
    assert.equal(session.log, ['ended BAD_COMMITMENT before it was up']);
  });

  sessions(
    `anything else than the proof as the first record is refused (${dials ? 'dialled by us' : 'dials us'})`,
    async () => {
      const session = await SessionHarness.start(dials);
      const remote = await RemoteDouble.start(REMOTE, session);
      await remote.greet();
      remote.say(remote.sealed((await BridgeHarness.start()).up('far')));
      assert.equal(session.log, ['ended BAD_COMMITMENT before it was up']);
    },
  );
}

sessions('a domain cannot pass for a broker', async () => {
  const session = await SessionHarness.start(false);
  const domain = await RemoteDouble.start(REMOTE, session, 'domain');
  await domain.greet();
  await session.ended;
  assert.equal(session.log, ['ended WRONG_ROLE before it was up']);
});

sessions('a replayed hello is worth no more than any stranger: 16 KiB a record', async () => {
  const first = await SessionHarness.start(false);
  const remote = await RemoteDouble.start(REMOTE, first);
  const hello = await remote.hello();
  const second = await SessionHarness.start(false);
  second.hear(hello);
  await second.written;
  second.hear(remote.headerOf(16_385));
  assert.equal(second.log, ['ended TOO_LONG before it was up']);
});

sessions('once both sides have proved themselves a record may hold the largest message', async () => {
  const session = await SessionHarness.start(false);
  const remote = await RemoteDouble.start(REMOTE, session);
  await remote.greetAndProve();
  session.hear(remote.headerOf(16_000_000));
  assert.equal(session.log, ['up']);
  session.hear(remote.headerOf(17_000_000));
  session.end();
});

sessions('a record that does not open, and a second hello, end the session', async () => {
  for (const [bytes, reason] of [
    [(remote: RemoteDouble) => remote.forged(), 'OPEN_FAILED'],
    [(remote: RemoteDouble) => remote.hello(), 'UNEXPECTED_RECORD'],
  ] as const) {
    const session = await SessionHarness.start(false);
    const remote = await RemoteDouble.start(REMOTE, session);
    await remote.greetAndProve();
    session.hear(await bytes(remote));
    assert.equal(session.log, ['up', `ended ${reason}`]);
  }
});

sessions('a record of many frames is worked on in turns, and nothing is read meanwhile', async () => {
  const session = await SessionHarness.start(false);
  const remote = await RemoteDouble.start(REMOTE, session);
  await remote.greetAndProve();
  await turn();
  const { share } = session;
  const before = share.used;
  const frame = encodeFederationFrame(FederationOp.down, 9);
  remote.say(remote.sealed(new Uint8Array(Buffer.concat(Array.from({ length: FRAMES }, () => frame)))));
  assert.ok(session.isPaused);
  assert.ok(share.used - before <= QUANTUM_UNITS + 2 * FRAMES * frame.length, `${share.used - before}`);
  while (session.isPaused) {
    const sofar = share.used;
    await turn();
    assert.ok(share.used - sofar <= SLICE_UNITS + frameUnits(FederationOp.down));
  }
  assert.ok(share.used - before >= FRAMES * frameUnits(FederationOp.down));
  assert.equal(session.log, ['up']);
  session.end();
});

sessions('many small records are worked on in turns, and nothing is read meanwhile', async () => {
  const session = await SessionHarness.start(false);
  const remote = await RemoteDouble.start(REMOTE, session);
  await remote.greetAndProve();
  await turn();
  const { share } = session;
  const before = share.used;
  const frame = encodeFederationFrame(FederationOp.down, 9);
  remote.say(new Uint8Array(Buffer.concat(Array.from({ length: RECORDS }, () => remote.sealed(frame)))));
  const atOnce = recordUnits(0) + openUnits(frame.length, false) + frameUnits(FederationOp.down);
  assert.ok(session.isPaused);
  assert.ok(
    share.used - before <= QUANTUM_UNITS + atOnce + READ_UNITS + readByteUnits(RECORDS * 100, false),
    `${share.used - before}`,
  );
  while (session.isPaused) {
    const sofar = share.used;
    await turn();
    assert.ok(share.used - sofar <= SLICE_UNITS + atOnce, `${share.used - sofar} in a turn`);
  }
  assert.ok(share.used - before >= RECORDS * atOnce);
  assert.equal(session.log, ['up']);
  session.end();
});

sessions.run();
