/** Accounts: dbus-broker's rule on random histories, and what it means for rings. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InvariantError } from '../../broker/base/index.ts';
import { type Account, Accounts } from '../../broker/core/accounts.ts';
import { maxPayload } from '../../broker/core/index.ts';
import { MESSAGE_HELD_BYTES, RING_HELD_BYTES } from '../../broker/core/rings/ring.ts';
import { Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { seeded } from '../support/seed.ts';

const accounts = suite('accounts');

accounts('whatever n accounts have done, total / (n + 1) is free, and the next one gets its part', () => {
  const action = fc.record({ who: fc.nat(11), bytes: fc.nat(1 << 16), isRelease: fc.boolean(), isMost: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1 << 20 }), fc.array(action, { maxLength: 60 }), (total, actions) => {
      const all = new Accounts(total);
      const each = Array.from({ length: 12 }, (_, index) => all.open(`vm-${index}`));
      for (const { who, bytes, isRelease, isMost } of actions) {
        const account = each[who] as Account;
        if (isRelease) account.release(Math.min(bytes, account.held));
        // The greediest move there is: everything up to its share.
        else account.charge(isMost ? Math.max(0, account.share - account.held) : bytes);

        const held = each.map((one) => one.held);
        const n = held.filter((one) => one > 0).length;
        assert.is(all.holders, n);
        assert.is(all.free, total - held.reduce((sum, one) => sum + one, 0));
        assert.ok(all.free >= total / (n + 1), `${all.free} of ${total} is free with ${n} holders`);
        const next = all.open('next');
        assert.ok(next.share >= Math.floor(total / ((n + 1) * (n + 2))));
        assert.is(next.hasRoom(next.share), true);
        assert.is(next.hasRoom(next.share + 1), false);
      }
    }),
    seeded(),
  );
});

accounts('an account gives back what it holds, and no more', () => {
  const all = new Accounts(1_000);
  const account = all.open('vm');
  assert.ok(account.charge(500));
  assert.not.ok(account.charge(1));
  assert.is(account.heldBack, 1);
  assert.throws(
    () => account.release(501),
    (error: unknown) => error instanceof InvariantError,
  );
  account.release(500);
  assert.equal([all.free, all.holders], [1_000, 0]);
});

accounts('an account that waits is named once, when its charge fits', () => {
  const all = new Accounts(1_000);
  const [one, other] = [all.open('one'), all.open('other')];
  one.charge(500);
  other.wait(200);
  assert.equal(all.takeReady(), []);
  one.release(200);
  assert.equal(all.takeReady(), [other]);
  assert.equal(all.takeReady(), []);
});

const RING_BYTES = 65_536;

async function opened(memoryBytes: number): Promise<CoreHarness> {
  const harness = await CoreHarness.of({ domains: ['sender', 'hoarder', 'reader'], rows: OPEN }, { memoryBytes });
  harness.register('hoarder', 'ANY', { length: RING_BYTES });
  harness.register('hoarder', 'ANY', { length: RING_BYTES, port: PORT + 1 });
  harness.register('reader', 'ANY', { length: RING_BYTES });
  return harness;
}

function fill(harness: CoreHarness, port = PORT): number {
  let sent = 0;
  while (harness.send('sender', 'hoarder', { port }) === Status.OK) sent++;
  return sent;
}

accounts('a ring of empty messages is charged what they really hold, and all of it is given back', async () => {
  const harness = await opened(2 ** 30);
  const sent = fill(harness);
  assert.is(sent, RING_BYTES / 16 - 1);
  const { account } = harness.state('hoarder');
  assert.is(account.held, 2 * RING_HELD_BYTES + sent * (16 + MESSAGE_HELD_BYTES));
  harness.consume('hoarder', 1, ...Array.from({ length: sent }, () => 0));
  assert.is(account.held, 2 * RING_HELD_BYTES);
  harness.send('sender', 'hoarder', { payload: new Uint8Array(maxPayload(RING_BYTES)) });
  harness.argo.detach(harness.state('hoarder'));
  assert.is(account.held, 0);
  harness.argo.detach(harness.state('reader'));
  assert.equal([harness.argo.accounts.free, harness.argo.accounts.holders], [2 ** 30, 0]);
});

accounts('a domain that does not read is held back at its share, and the others send on', async () => {
  const harness = await opened(262_144);
  const sent = fill(harness);
  assert.ok(sent < RING_BYTES / 16 - 1, 'the ring itself has room');
  const { account } = harness.state('hoarder');
  assert.ok(account.held <= account.share);
  assert.is(harness.lastSend.status, Status.EAGAIN);
  assert.ok(account.heldBack > 0);
  for (let round = 0; round < 100; round++) assert.is(harness.send('sender', 'reader'), Status.OK);
});

accounts('a sender that waits for a full account is told, whichever ring the room comes from', async () => {
  const harness = await opened(262_144);
  const sent = fill(harness);
  fill(harness, PORT + 1);
  const told = (): number[] =>
    harness
      .at('sender')
      .of(Op.space)
      .map(({ port }) => port);
  assert.equal(told(), []);
  harness.consume('hoarder', 1, ...Array.from({ length: sent }, () => 0));
  assert.equal(told().sort(), [PORT, PORT + 1]);
});

accounts('a sender that waits for a full account is told when another domain gives its part back', async () => {
  const harness = await opened(262_144);
  harness.send('sender', 'reader', { payload: new Uint8Array(16_384) });
  fill(harness);
  const { length } = harness.at('sender').of(Op.space);
  assert.is(length, 0);
  harness.argo.detach(harness.state('reader'));
  assert.equal(
    harness
      .at('sender')
      .of(Op.space)
      .map(({ domid }) => domid),
    [harness.domid('hoarder')],
  );
});

accounts('a ring itself is charged: without room for it, registering is ENOMEM', async () => {
  const harness = await CoreHarness.of({ domains: ['vm'], rows: OPEN }, { memoryBytes: 3 * RING_HELD_BYTES });
  assert.is(harness.register('vm', 'ANY').status, Status.OK);
  assert.is(harness.register('vm', 'ANY', { port: PORT + 1 }).status, Status.ENOMEM);
});

accounts.run();
