/** A ring's account against a naive list, with its invariants after every step. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InvariantError } from '../../broker/base/index.ts';
import { type DomainState, maxPayload, messageSize, Ring } from '../../broker/core/index.ts';
import type { RingBinding } from '../../broker/core/rings/ring.ts';
import { toRevision } from '../../policy/contract/permit.ts';
import type { Decision, Permit } from '../../policy/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { seeded } from '../support/seed.ts';

const rings = suite('ring');
const SENDERS = ['a', 'c', 'd'];
const harness = await CoreHarness.of({
  domains: ['b', ...SENDERS],
  rows: [...OPEN, 'p, @any, @any, control, *, allow', 'p, a, b, control, sink-cork, deny'],
});

function decisionFor(sender: string, owner = 'b', port = PORT, permission = 0): Decision {
  const { monitor, classes } = harness.argo.policy;
  const [source, destination] = [harness.state(sender).domain, harness.state(owner).domain];
  const decision = monitor.vector(source, destination, classes.of(destination, port)).decisions[permission];
  if (decision === undefined) throw new Error('the class has this permission');
  return decision;
}

function permitFor(sender: string, owner = 'b', port = PORT, permission = 0): Permit {
  const decision = decisionFor(sender, owner, port, permission);
  if (!decision.allowed) throw new Error('the policy of this test allows it');
  return decision;
}

function bindingOf(port: number): RingBinding {
  const { revision, classes } = harness.argo.policy;
  return { revision, serviceClass: classes.of(harness.state('b').domain, port) };
}

function ringOf(length: number, partner: string | null = null, unread = 0): Ring {
  const owner = harness.state('b');
  owner.sink = null;
  owner.deliveries = 0;
  // All accepted messages have been sent to the owner.
  owner.sink = {
    departed: Number.MAX_SAFE_INTEGER,
    deliver: () => {},
    holdForRecords: () => {},
    event: () => {},
    introduce: () => {},
  };
  return new Ring(1, owner, PORT, partner === null ? null : harness.state(partner), length, bindingOf(PORT), unread);
}

const insert = (ring: Ring, sender: string, size: number) =>
  ring.insert(permitFor(sender), 0, ring.shareOf(harness.state(sender)), size);

for (const [payload, size] of [
  [0, 16],
  [1, 32],
  [15, 32],
  [16, 32],
  [17, 48],
  [16_777_120, 16_777_136],
] as const) {
  rings(`a payload of ${payload} occupies ${size}`, () => assert.is(messageSize(payload), size));
}

for (const [length, largest] of [
  [48, 16],
  [64, 32],
  [16_777_152, 16_777_120],
] as const) {
  rings(`a ring of ${length} takes ${largest} and not one byte more`, () => {
    assert.is(maxPayload(length), largest);
    assert.is(insert(ringOf(length), 'a', messageSize(largest)), 'accepted');
    assert.is(insert(ringOf(length), 'a', messageSize(largest + 1)), 'too-big');
  });
}

rings('one slot always stays free', () => {
  const ring = ringOf(64);
  assert.equal(
    [16, 16, 16, 16].map((size) => insert(ring, 'a', size)),
    ['accepted', 'accepted', 'accepted', 'no-space'],
  );
  assert.is(ring.used, 48);
});

rings('what a sender has not room for beside others is refused, while a sender without any gets its turn', () => {
  const ring = ringOf(256);
  insert(ring, 'a', 128);
  assert.is(insert(ring, 'c', 64), 'accepted');
  assert.is(insert(ring, 'a', 16), 'over-share');
  assert.is(insert(ring, 'c', 16), 'accepted');
});

rings('a sender alone may fill the ring, also a ring of its own beside waiters', () => {
  const shared = ringOf(256);
  assert.is(insert(shared, 'a', 240), 'accepted');
  const own = ringOf(256, 'a');
  insert(own, 'a', 128);
  own.wait(harness.state('c'), 16);
  assert.is(insert(own, 'a', 112), 'accepted');
});

rings('who waits counts as a sharer, once', () => {
  const ring = ringOf(256);
  insert(ring, 'a', 64);
  ring.wait(harness.state('c'), 240);
  ring.wait(harness.state('c'), 16);
  assert.is(insert(ring, 'a', 64), 'accepted', 'half');
  assert.is(insert(ring, 'a', 16), 'over-share');
  ring.cancelWait(harness.state('c'));
  assert.is(insert(ring, 'a', 16), 'accepted');
});

/** Class `control`, whose first permission is source-start and whose third is sink-cork. */
const CONTROL = 4714;
const START = 0;
const STOP = 1;
const CORK = 2;

/** Values that are passed to the ring instead of a permit for a's source-start. */
const FORGERIES: readonly (readonly [label: string, forge: () => unknown, permission: number])[] = [
  ['a denial', () => decisionFor('a', 'b', CONTROL, CORK), CORK],
  ['a denial that claims to allow', () => Object.create(decisionFor('a', 'b', CONTROL, CORK), ALLOWED), CORK],
  ['an object with the right members', () => ({ ...permitFor('a', 'b', CONTROL) }), START],
  ['a copy with the prototype of a permit', () => copyOf(permitFor('a', 'b', CONTROL)), START],
  ['an object that inherits from a permit', () => Object.create(permitFor('a', 'b', CONTROL)), START],
  ['a permit for another permission', () => permitFor('a', 'b', CONTROL, STOP), START],
  ['a permit, for a message that asks for another', () => permitFor('a', 'b', CONTROL, START), STOP],
  ['a permit, for a malformed message', () => permitFor('a', 'b', CONTROL, START), -1],
  ['a permit for another class', () => permitFor('a', 'b', PORT), START],
  ['a permit for another destination', () => permitFor('a', 'c', CONTROL), START],
  ['a permit of another source', () => permitFor('c', 'b', CONTROL), START],
  ['the permit of argo:send', () => harness.argo.policy.monitor.send(domainOf('a'), domainOf('b')), START],
];
const ALLOWED = { allowed: { value: true } };
const domainOf = (name: string) => harness.state(name).domain;
const copyOf = (permit: Permit): object => Object.assign(Object.create(Object.getPrototypeOf(permit)), permit);

function controlRing(binding = bindingOf(CONTROL)): Ring {
  return new Ring(1, harness.state('b'), CONTROL, null, 4096, binding);
}

for (const [label, forge, permission] of FORGERIES) {
  rings(`the last gate refuses ${label}`, () => {
    const ring = controlRing();
    const insertForged = () => ring.insert(forge() as Permit, permission, ring.shareOf(harness.state('a')), 16);
    assert.throws(insertForged, (error: unknown) => error instanceof InvariantError);
    assert.ok(ring.isEmpty);
  });
}

rings('the last gate refuses a permit for a class with the same permissions', () => {
  const { revision, serviceClass } = bindingOf(CONTROL);
  const ring = controlRing({ revision, serviceClass: { ...serviceClass, name: 'other' } });
  const insertForeign = () => ring.insert(permitFor('a', 'b', CONTROL), START, ring.shareOf(harness.state('a')), 16);
  assert.throws(insertForeign, (error: unknown) => error instanceof InvariantError);
});

rings('the last gate takes the permit for exactly this message, in the revision in force', () => {
  const permit = permitFor('a', 'b', CONTROL);
  const ring = controlRing();
  const insertInto = (into: Ring) => into.insert(permit, START, into.shareOf(harness.state('a')), 16);
  assert.is(insertInto(ring), 'accepted');
  const { serviceClass } = bindingOf(CONTROL);
  ring.bind({ revision: toRevision(2), serviceClass });
  assert.throws(
    () => insertInto(ring),
    (error: unknown) => error instanceof InvariantError,
  );
  ring.bind(bindingOf(PORT));
  assert.throws(
    () => insertInto(ring),
    (error: unknown) => error instanceof InvariantError,
  );
});

rings('a waiting entry grows and does not shrink, and is taken once', () => {
  const ring = ringOf(256);
  insert(ring, 'c', 240);
  const a = harness.state('a');
  assert.ok(ring.wait(a, 32) && ring.wait(a, 64) && ring.wait(a, 16));
  assert.is(ring.pendingCount, 1);
  ring.release(240);
  insert(ring, 'c', 192);
  assert.equal(ring.takeSatisfied(), [], '64 do not fit');
  ring.release(192);
  assert.equal(ring.takeSatisfied(), [a]);
  assert.equal(ring.takeSatisfied(), []);
});

rings('bytes carried over are given back first, in any portion, and never twice', () => {
  const ring = ringOf(256, null, 48);
  assert.is(ring.used, 48);
  insert(ring, 'a', 32);
  assert.ok(ring.release(1));
  assert.not(ring.release(48), 'a byte of the message');
  assert.ok(ring.release(47 + 32));
  assert.not(ring.release(1));
  assert.ok(ring.isEmpty);
});

rings('a domain that is forgotten leaves its messages readable', () => {
  const ring = ringOf(256);
  insert(ring, 'a', 32);
  insert(ring, 'c', 32);
  ring.forget(harness.state('a'));
  assert.equal(
    [...ring.activeShares()].map(({ sender }) => sender),
    [harness.state('c')],
  );
  assert.ok(ring.release(64));
  assert.is(insert(ring, 'c', 240), 'accepted', 'nobody else has a share any more');
});

interface Message {
  readonly sender: string;
  readonly size: number;
}

/** A slow model of a ring: a list of messages, and a list of waiting domains. */
class Naive {
  messages: Message[] = [];
  waiting: { sender: string; size: number }[] = [];
  woken: string[] = [];
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  get used(): number {
    return this.messages.reduce((sum, { size }) => sum + size, 0);
  }

  accepts(sender: string, size: number): string {
    if (size > this.length - 16) return 'too-big';
    const own = this.messages.filter((message) => message.sender === sender);
    const others = new Set([...[...this.messages, ...this.waiting].map((each) => each.sender), ...this.woken]);
    others.delete(sender);
    const bytes = own.reduce((sum, message) => sum + message.size, 0);
    if (own.length > 0 && others.size > 0 && (bytes + size) * (others.size + 1) > this.length) return 'over-share';
    return this.used + size > this.length - 16 ? 'no-space' : 'accepted';
  }
}

const sender = fc.constantFrom(...SENDERS);
const size = fc.integer({ min: 1, max: 20 }).map((slots) => slots * 16);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('insert' as const), sender, size }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      messages: fc.nat(4),
      surplus: fc.constantFrom(0, 0, 0, 1, 16, -16),
    }),
  },
  fc.record({ do: fc.constant('withdraw' as const), keep: fc.array(fc.boolean(), { maxLength: 6 }) }),
  fc.record({ do: fc.constant('wait' as const), sender, size }),
  fc.record({ do: fc.constant('cancel' as const), sender }),
  fc.record({ do: fc.constant('wake' as const) }),
);

rings('any sequence of steps leaves the account that a list gives', () => {
  fc.assert(
    fc.property(fc.constantFrom(48, 64, 256, 320), fc.array(step, { maxLength: 60 }), (length, steps) => {
      const ring = ringOf(length);
      const naive = new Naive(length);
      const name = (state: { domain: DomainState['domain'] }): string => state.domain.name;
      for (const action of steps) {
        if (action.do === 'insert') {
          const expected = naive.accepts(action.sender, action.size);
          assert.is(insert(ring, action.sender, action.size), expected);
          if (expected === 'accepted') {
            naive.messages.push(action);
            naive.woken = naive.woken.filter((each) => each !== action.sender);
          }
        } else if (action.do === 'release') {
          const bytes = naive.messages
            .slice(0, action.messages)
            .reduce((sum: number, each) => sum + each.size, action.surplus);
          let end = 0;
          let sum = 0;
          while (end < naive.messages.length && sum < bytes) sum += naive.messages[end++]?.size ?? 0;
          assert.is(ring.release(Math.max(0, bytes)), sum === Math.max(0, bytes));
          if (sum === Math.max(0, bytes)) naive.messages = naive.messages.slice(end);
        } else if (action.do === 'withdraw') {
          const keep = action.keep.slice(0, naive.messages.length);
          ring.withdraw(keep);
          const from = naive.messages.length - keep.length;
          naive.messages = naive.messages.filter((_, index) => index < from || keep[index - from] === true);
        } else if (action.do === 'wait') {
          assert.ok(ring.wait(harness.state(action.sender), action.size));
          naive.woken = naive.woken.filter((each) => each !== action.sender);
          const entry = naive.waiting.find((each) => each.sender === action.sender);
          if (entry === undefined) naive.waiting.push({ sender: action.sender, size: action.size });
          else entry.size = Math.max(entry.size, action.size);
        } else if (action.do === 'cancel') {
          ring.cancelWait(harness.state(action.sender));
          naive.waiting = naive.waiting.filter((each) => each.sender !== action.sender);
          naive.woken = naive.woken.filter((each) => each !== action.sender);
        } else {
          const woken = naive.waiting.filter((each) => naive.accepts(each.sender, each.size) === 'accepted');
          assert.equal(
            ring.takeSatisfied().map(name),
            woken.map((each) => each.sender),
          );
          naive.waiting = naive.waiting.filter((each) => !woken.includes(each));
          naive.woken.push(...woken.map((each) => each.sender));
        }
        assert.is(ring.used, naive.used);
        assert.ok(ring.used >= 0 && ring.used <= length - 16);
        assert.is(ring.pendingCount, naive.waiting.length);
        const shares = [...ring.activeShares()].map(
          (share) => `${name(share.sender)} ${share.messages} ${share.bytes}`,
        );
        const expected = SENDERS.flatMap((each) => {
          const own = naive.messages.filter((message) => message.sender === each);
          return own.length === 0 ? [] : [`${each} ${own.length} ${own.reduce((sum, one) => sum + one.size, 0)}`];
        });
        assert.equal(shares.sort(), expected.sort());
      }
    }),
    seeded({ numRuns: 500 }),
  );
});

rings.run();
