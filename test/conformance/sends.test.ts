/** A25 … A51: sendv in the core. client.test.ts has the checks that the client makes before it sends. */
import * as assert from 'uvu/assert';
import { DATA_FRAME_HEADER_BYTES, Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

statement('A25', undefined, async () => {
  // Addresses in a frame are packed. Its only padding is the reserved bits.
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  for (const reserved of [1, 0x8000]) {
    assert.is(harness.send('a', 'b', { reserved, source: 99 }), Status.EINVAL);
    assert.is(harness.send('a', 'b', { reserved, destination: 999 }), Status.EINVAL);
  }
  assert.is(harness.send('a', 'b', { flags: 4 }), Status.EINVAL);
  assert.equal(harness.denials(), []);
});

statement('A26', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b', { source: 0x7ff4 }), Status.OK);
  assert.is(harness.at('b').messages[0]?.source, harness.domid('a'));
});

statement('A27', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b', 'c'], rows: [...OPEN, 'p, a, c, argo, send, deny'] });
  harness.register('b', 'ANY');
  for (const source of [harness.domid('b'), harness.domid('c'), 999, 0]) {
    assert.is(harness.send('a', 'b', { source }), Status.EPERM);
    assert.is(harness.send('a', 'c', { source }), Status.EPERM, 'although policy denies it as well');
    assert.is(harness.send('a', 'b', { source, destination: 999 }), Status.EPERM);
  }
  assert.equal(new Set(harness.denials()), new Set(['send.denied FOREIGN_SOURCE a>broker send']));
  assert.equal(harness.at('b').messages, []);
});

statement(
  'A28',
  { deviation: 'a destination that does not exist is EACCES like one that policy denies; the log tells them apart' },
  async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, @any, broker, argo, *, allow'] });
    for (const destination of [999, 0x7ff4, 0xffff, 0x7fef, harness.domid('b')]) {
      assert.is(harness.send('a', 'b', { destination }), Status.EACCES);
      assert.equal(harness.lastSend, { status: Status.EACCES, recorded: true, maxMessageSize: 0 });
    }
    assert.equal(harness.denials().at(0), 'send.denied UNKNOWN_DESTINATION a>broker send');
    assert.equal(harness.denials().at(-1), 'send.denied NO_RULE a>b send');
  },
);

const DENIED = {
  domains: ['a', 'b'],
  rows: ['p, @any, broker, argo, *, allow', 'p, @any, @any, argo, register_single_source, allow'],
};

statement('A29', undefined, async () => {
  const harness = await CoreHarness.of(DENIED);
  const without = harness.send('a', 'b', { payload: 'x' });
  harness.register('b', 'ANY');
  harness.register('b', 'a');
  assert.equal([without, harness.send('a', 'b', { payload: 'x' })], [Status.EACCES, Status.EACCES]);
  assert.equal(harness.at('b').introduced, []);
});

statement('A29', undefined, async () => {
  // The second hook, for the class of the port, is also called before the ring look-up.
  const harness = await CoreHarness.of({ ...DENIED, rows: [...DENIED.rows, 'p, a, b, argo, send, allow'] });
  const without = harness.send('a', 'b', { payload: 'x' });
  harness.register('b', 'ANY');
  assert.equal([without, harness.send('a', 'b', { payload: 'x' })], [Status.EACCES, Status.EACCES]);
});

statement('A30', undefined, async () => {
  const harness = await CoreHarness.of({
    domains: ['a', 'b'],
    rows: ['p, a, broker, argo, *, allow', 'p, @any, @any, argo, *, allow', 'p, @any, @any, data, *, allow'],
  });
  assert.is(harness.register('b', 'ANY').status, Status.EACCES);
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
});

statement('A31', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
  harness.register('b', 'c');
  harness.register('b', 'ANY', { port: PORT + 1 });
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
  assert.is(harness.send('c', 'b'), Status.OK);
});

statement('A32', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  const wildcard = harness.register('b', 'ANY').value;
  harness.send('a', 'b');
  const own = harness.register('b', 'a').value;
  harness.send('a', 'b');
  harness.send('c', 'b');
  assert.equal(
    harness.at('b').messages.map(({ id }) => id),
    [wildcard, own, wildcard],
  );
});

statement('A33', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  harness.register('b', 'a', { length: 48 });
  assert.is(harness.send('a', 'b', { payload: bytes(16) }), Status.OK);
  assert.is(harness.send('a', 'b', { payload: bytes(1) }), Status.EAGAIN);
  assert.is(harness.at('b').messages.length, 1);
});

statement(
  'A34',
  {
    deviation:
      'buffer descriptors do not travel, the client joins the buffers; a missing ring is noticed before the size',
  },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    assert.is(harness.send('a', 'b', { payload: bytes(100_000) }), Status.ECONNREFUSED);
    harness.register('b', 'ANY', { length: 48 });
    assert.is(harness.send('a', 'b', { payload: bytes(100_000) }), Status.EMSGSIZE);
  },
);

statement('A36', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY', { length: 64 });
  for (const length of [33, 64, 4096]) {
    assert.is(harness.send('a', 'b', { payload: bytes(length) }), Status.EMSGSIZE);
    assert.is(harness.lastSend.maxMessageSize, 32);
  }
  harness.send('a', 'b', { payload: bytes(32) });
  harness.consume('b', value, 32);
  harness.notify('b', null);
  assert.equal(harness.at('a').events, []);
});

statement('A37', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  for (const [index, length] of [48, 64, 4096, 16_777_152].entries()) {
    harness.register('b', 'ANY', { port: index + 1, length });
    assert.is(harness.send('a', 'b', { port: index + 1, payload: bytes(length - 31) }), Status.EMSGSIZE);
    assert.is(harness.send('a', 'b', { port: index + 1, payload: bytes(length - 32) }), Status.OK);
  }
});

statement('A38', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY', { length: 64 });
  harness.send('a', 'b', { payload: bytes(32) });
  for (const length of [1, 16, 32]) assert.is(harness.send('a', 'b', { payload: bytes(length) }), Status.EAGAIN);
  harness.consume('b', value, 32);
  harness.notify('b', null);
  assert.equal(harness.at('a').of(Op.space), [{ op: Op.space, domid: harness.domid('b'), port: PORT }]);
});

statement('A39', undefined, async () => {
  const senders = Array.from({ length: 34 }, (_, index) => `s${index}`);
  const harness = await CoreHarness.open('b', ...senders);
  harness.register('b', 'ANY', { length: 48 });
  const statuses = senders.map((name) => harness.send(name, 'b', { payload: bytes(16) }));
  assert.equal(statuses, [Status.OK, ...Array<number>(32).fill(Status.EAGAIN), Status.EBUSY]);
  assert.is(harness.send('s1', 'b', { payload: bytes(16) }), Status.EAGAIN, 'who waits already goes on waiting');
});

statement('A41', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const { value } = harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b', { payload: bytes(0) }), Status.OK);
  assert.is(harness.at('b').messages.length, 1);
  assert.is(harness.at('b').messages[0]?.payload.length, 0);
  assert.is(harness.argo.credit(harness.state('b'), value, 16), true, 'it occupies a header');
  assert.is(harness.notify('a', [{ domid: harness.domid('b') }]).answers[0]?.flags, 1 | 2 | 4 | 8);
});

statement(
  'A42',
  {
    deviation:
      'the header of a delivered message is 28 bytes, and its length counts them; sender and type are as in Xen',
  },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    const { value } = harness.register('b', 'ANY');
    harness.send('a', 'b', { payload: 'hello', type: 0xdeadbeef, source: 0x7ff4 });
    assert.equal(harness.at('b').messages, [
      {
        op: Op.deliver,
        flags: 0,
        id: value,
        source: harness.domid('a'),
        destination: harness.domid('b'),
        sourcePort: 0,
        destinationPort: PORT,
        messageType: 0xdeadbeef,
        payload: new Uint8Array(Buffer.from('hello')),
      },
    ]);
    assert.is(DATA_FRAME_HEADER_BYTES, 28);
  },
);

statement(
  'A43',
  {
    deviation: 'a source port must be 0 or that of a ring of the sender, else EPERM: an answer then reaches who asked',
  },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    harness.register('b', 'ANY');
    harness.register('a', 'b', { port: 5 });
    assert.is(harness.send('a', 'b', { sourcePort: 6 }), Status.EPERM);
    assert.is(harness.send('a', 'b', { sourcePort: 5 }), Status.OK);
    assert.is(harness.send('a', 'b', { sourcePort: 0 }), Status.OK);
    assert.equal(
      harness.at('b').messages.map(({ sourcePort }) => sourcePort),
      [5, 0],
    );
    harness.unregister('a', 'b', 5);
    assert.is(harness.send('a', 'b', { sourcePort: 5 }), Status.EPERM);
  },
);

statement(
  'A44',
  { deviation: 'no ring memory is shared, so nothing wraps: the account of the ring counts whole slots of 16 bytes' },
  async () => {
    for (const [payload, occupied] of [
      [0, 16],
      [1, 32],
      [16, 32],
      [17, 48],
    ] as const) {
      const harness = await CoreHarness.open('a', 'b');
      const { value } = harness.register('b', 'ANY');
      harness.send('a', 'b', { payload: bytes(payload) });
      assert.is(
        harness.argo.credit(harness.state('b'), value, occupied - 16),
        occupied === 16,
        'less is no whole message',
      );
      assert.is(
        harness.argo.credit(harness.state('b'), value, occupied === 16 ? 16 : occupied),
        true,
        `${payload} bytes`,
      );
    }
  },
);

statement(
  'A45',
  { deviation: 'there is no write pointer: a message is one whole frame, given to the session once' },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    harness.register('b', 'ANY');
    for (let i = 0; i < 3; i++) {
      harness.send('a', 'b', { payload: 'x'.repeat(i) });
      assert.equal(harness.at('b').payloads, ['', 'x', 'xx'].slice(0, i + 1));
    }
  },
);

statement(
  'A47',
  { deviation: 'there is no read pointer: a credit for what is not there is refused, and ends the session' },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    const { value } = harness.register('b', 'ANY', { length: 112 });
    harness.send('a', 'b', { payload: bytes(32) });
    for (const bogus of [1, 16, 47, 49, 64, 96, 112, 0x7fffffff, 0xffffffff]) {
      assert.is(harness.argo.credit(harness.state('b'), value, bogus), false, String(bogus));
    }
    assert.is(harness.send('a', 'b', { payload: bytes(48) }), Status.EAGAIN, 'the account has not moved');
    assert.is(harness.argo.credit(harness.state('b'), 99, 16), false, 'a ring that never was');
    assert.is(harness.argo.credit(harness.state('b'), value, 48), true);
    assert.is(harness.send('a', 'b', { payload: bytes(48) }), Status.OK);
  },
);

statement(
  'A48',
  {
    deviation: 'the receiver has no pointer to overwrite: it can give back once what was sent to it, and nothing else',
  },
  async () => {
    const harness = await CoreHarness.open('a', 'b');
    const { value } = harness.register('b', 'ANY', { length: 112 });
    harness.send('a', 'b', { payload: bytes(16) });
    harness.send('a', 'b', { payload: bytes(16) });
    harness.at('b').heldBack = 1;
    assert.is(harness.consume('b', value, 16, 16), false, 'the second still lies in the broker');
    assert.is(harness.consume('b', value, 16), true);
    assert.is(harness.consume('b', value, 16), false);
    harness.at('b').heldBack = 0;
    assert.is(harness.consume('b', value, 16), true);
    assert.is(harness.consume('b', value, 16), false, 'twice');
    assert.is(harness.send('a', 'b', { payload: bytes(80) }), Status.OK);
  },
);

statement('A49', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  harness.register('a', 'a');
  for (let i = 1; i <= 3; i++) {
    harness.send('a', 'b');
    harness.send('a', 'a');
    assert.equal([harness.at('a').messages.length, harness.at('b').messages.length], [i, i]);
  }
});

statement('A51', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY');
  const sent: string[] = [];
  for (let i = 0; i < 20; i++) {
    const from = i % 3 === 0 ? 'a' : 'c';
    sent.push(from.repeat(i));
    harness.send(from, 'b', { payload: from.repeat(i) });
  }
  assert.equal(harness.at('b').payloads, sent);
});

statement.run();
