/** A01 … A23: entry, register_ring, unregister_ring. */
import * as assert from 'uvu/assert';
import { decodeDomainFrame, encodeDomainFrame, Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../support/core/harness.ts';
import { statement } from './harness.ts';

const NO_ENABLE = { domains: ['a', 'b'], rows: ['p, @any, @any, argo, *, allow', 'p, @any, @any, data, *, allow'] };

/** Each operation, with valid and with invalid arguments. */
function everyOperation(harness: CoreHarness): number[] {
  return [
    harness.register('a', 'ANY').status,
    harness.register('a', 'b').status,
    harness.register('a', 'ANY', { length: 7, flags: 0xff, pad: 1 }).status,
    harness.unregister('a', 'ANY'),
    harness.unregister('a', 'ANY', PORT, 1),
    harness.send('a', 'b', { payload: 'x' }),
    harness.send('a', 'b', { reserved: 1, flags: 0xff }),
    harness.send('a', 'b', { source: 99 }),
    harness.notify('a', null).status,
    harness.notify('a', [{ domid: 2, pad: 1 }]).status,
    harness.argo.resolve(harness.state('a'), 'b').status,
    harness.argo.resolve(harness.state('a'), 'nobody').status,
  ];
}

statement(
  'A01',
  {
    deviation:
      'no switch for the whole broker: a policy that enables nobody answers EACCES to every operation, with a record of each',
  },
  async () => {
    const harness = await CoreHarness.of(NO_ENABLE);
    const answers = everyOperation(harness);
    assert.equal(
      answers,
      answers.map(() => Status.EACCES),
    );
    assert.is(harness.denials().length, answers.length);
  },
);

statement(
  'A02',
  {
    deviation: 'an unknown operation number is no frame: it has no answer and ends the session, as any malformed frame',
  },
  () => {
    const frame = encodeDomainFrame({ op: Op.ping, id: 1 });
    assert.is.not(decodeDomainFrame(frame, 0, frame.length), null);
    const known: number[] = Object.values(Op);
    for (let op = 0; op < 256; op++) {
      if (known.includes(op)) continue;
      frame[4] = op;
      assert.is(decodeDomainFrame(frame, 0, frame.length), null, `op ${op}`);
    }
  },
);

statement('A03', undefined, async () => {
  const harness = await CoreHarness.of({ ...NO_ENABLE, rows: [...NO_ENABLE.rows, 'p, b, broker, argo, *, allow'] });
  harness.register('b', 'ANY');
  const answers = everyOperation(harness);
  assert.equal(
    answers,
    answers.map(() => Status.EACCES),
  );
  assert.equal(new Set(harness.denials()), new Set(['session.refused NO_RULE a>broker enable']));
  assert.equal(harness.at('b').messages, []);
});

statement('A04', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (const flags of [2, 3, 0x80000000, 0xffffffff]) {
    assert.is(harness.register('a', 'ANY', { flags }).status, Status.EINVAL);
  }
  assert.is(harness.register('a', 'ANY', { flags: 1 }).status, Status.OK);
});

statement('A05', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (const length of [0, 16, 32]) assert.is(harness.register('a', 'ANY', { length }).status, Status.EINVAL);
  assert.is(harness.register('a', 'ANY', { length: 48 }).status, Status.OK);
});

statement('A06', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (const length of [49, 63, 4095, 4097]) {
    assert.is(harness.register('a', 'ANY', { length }).status, Status.EINVAL, String(length));
  }
  assert.is(harness.register('a', 'ANY', { length: 64 }).status, Status.OK);
});

statement('A07', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (const length of [0x1000010, 0x1000000, 16_777_168, 0xfffffff0]) {
    assert.is(harness.register('a', 'ANY', { length }).status, Status.EINVAL, String(length));
  }
  assert.is(harness.register('a', 'ANY', { length: 16_777_152 }).status, Status.OK);
});

statement('A08', { deviation: 'a ring has no pages: its length alone says how large it is' }, async () => {
  const harness = await CoreHarness.open('a');
  const request = {
    op: Op.registerRing,
    id: 1,
    port: PORT,
    partner: 0x7ff4,
    pad: 0,
    length: 4096,
    flags: 0,
    unread: 0,
  };
  assert.is(encodeDomainFrame(request).length, 12 + 4 + 2 + 2 + 4 + 4 + 4);
  assert.is(harness.argo.registerRing(harness.state('a'), request).status, Status.OK);
});

statement('A09', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (const pad of [1, 0x8000]) assert.is(harness.register('a', 'ANY', { pad }).status, Status.EINVAL);
});

const NO_WILDCARD = {
  domains: ['a', 'b'],
  rows: ['p, @any, broker, argo, enable, allow', 'p, @any, @any, argo, *, allow'],
};

statement(
  'A10',
  {
    deviation:
      'wildcards have no switch: register_any_source decides for each domain, so the answer is EACCES, and it is recorded',
  },
  async () => {
    const harness = await CoreHarness.of(NO_WILDCARD);
    assert.is(harness.register('a', 'ANY').status, Status.EACCES);
    assert.equal(harness.denials(), ['ring.denied NO_RULE a>broker register_any_source']);
  },
);

statement('A11', undefined, async () => {
  const harness = await CoreHarness.of({ ...NO_WILDCARD, rows: [...NO_WILDCARD.rows, 'p, b, broker, argo, *, allow'] });
  assert.is(harness.register('a', 'ANY').status, Status.EACCES);
  assert.is(harness.register('b', 'ANY').status, Status.OK);
  assert.is(harness.register('a', 'b').status, Status.OK);
});

statement(
  'A12',
  {
    deviation:
      'a partner that does not exist is EACCES like one that policy denies, so that the inventory is not readable; the log tells them apart',
  },
  async () => {
    const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, @any, broker, argo, enable, allow'] });
    assert.equal(harness.register('a', 999), harness.register('a', 'b'));
    assert.is(harness.register('a', 999).status, Status.EACCES);
    assert.equal(harness.denials().slice(0, 2), [
      'send.denied UNKNOWN_DESTINATION a>broker send',
      'ring.denied NO_RULE a>b register_single_source',
    ]);
  },
);

statement('A13', undefined, async () => {
  const harness = await CoreHarness.of({
    domains: ['a', 'b'],
    rows: ['p, @any, broker, argo, *, allow', 'p, b, a, argo, *, allow', 'p, a, b, argo, send, allow'],
  });
  assert.is(harness.register('a', 'b').status, Status.EACCES);
  assert.is(harness.register('b', 'a').status, Status.OK);
});

statement('A14', undefined, async () => {
  const harness = await CoreHarness.of({ domains: ['a', 'b'], rows: ['p, a, broker, argo, *, allow', OPEN[1] ?? ''] });
  assert.is(harness.register('a', 'b').status, Status.ECONNREFUSED);
});

statement('A15', undefined, async () => {
  const harness = await CoreHarness.open('a');
  for (let port = 1; port <= 128; port++) assert.is(harness.register('a', 'ANY', { port }).status, Status.OK);
  assert.is(harness.register('a', 'ANY', { port: 129 }).status, Status.ENOSPC);
  // Unlike Xen's, the limit counts rings and not registrations.
  assert.is(harness.register('a', 'ANY', { port: 1 }).status, Status.OK);
  harness.unregister('a', 'ANY', 5);
  assert.is(harness.register('a', 'ANY', { port: 129 }).status, Status.OK);
});

statement('A16', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  assert.is(harness.register('b', 'ANY', { flags: 1 }).status, Status.EEXIST);
  assert.is(harness.send('a', 'b', { payload: 'still' }), Status.OK);
  assert.equal(harness.at('b').payloads, ['still']);
});

statement('A17', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY', { length: 64 });
  for (const length of [48, 80, 4096]) assert.is(harness.register('b', 'ANY', { length }).status, Status.EEXIST);
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(32) }), Status.OK);
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(32) }), Status.EAGAIN);
});

statement('A18', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  const first = harness.register('b', 'ANY', { length: 112 });
  harness.send('a', 'b', { payload: new Uint8Array(32) });
  const again = harness.register('b', 'ANY', { length: 112 });
  assert.equal(again, first);
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(64) }), Status.EAGAIN, 'what is unread still counts');
  assert.is(harness.consume('b', first.value, 32), true);
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(64) }), Status.OK);
});

statement('A18', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  // The domain comes back with 48 bytes that it has not read yet.
  const { value } = harness.register('b', 'ANY', { length: 112, unread: 48 });
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(48) }), Status.EAGAIN);
  assert.is(harness.argo.credit(harness.state('b'), value, 48), true);
  assert.is(harness.send('a', 'b', { payload: new Uint8Array(48) }), Status.OK);
});

statement('A19', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  const handles = (['ANY', 'a', 'c', 'b'] as const).map((partner) => harness.register('b', partner, { flags: 1 }));
  assert.equal(
    handles.map(({ status }) => status),
    [0, 0, 0, 0],
  );
  assert.is(new Set(handles.map(({ value }) => value)).size, 4);
});

statement(
  'A20',
  {
    deviation: 'the frame has no further arguments: surplus bytes are no frame and end the session; padding is EINVAL',
  },
  async () => {
    const harness = await CoreHarness.open('a');
    harness.register('a', 'ANY');
    assert.is(harness.unregister('a', 'ANY', PORT, 1), Status.EINVAL);
    const frame = encodeDomainFrame({ op: Op.unregisterRing, id: 1, port: PORT, partner: 0x7ff4, pad: 0 });
    const longer = Buffer.concat([frame, new Uint8Array(4)]);
    assert.is.not(decodeDomainFrame(frame, 0, frame.length), null);
    assert.is(decodeDomainFrame(longer, 0, longer.length), null);
  },
);

statement('A21', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  assert.is(harness.unregister('b', 'ANY', PORT + 1), Status.ENOENT);
  assert.is(harness.unregister('b', 'a'), Status.ENOENT);
  assert.is(harness.unregister('b', 999), Status.ENOENT);
  assert.is(harness.unregister('a', 'ANY'), Status.ENOENT);
  assert.is(harness.send('a', 'b'), Status.OK);
  assert.is(harness.unregister('b', 'ANY'), Status.OK);
  assert.is(harness.unregister('b', 'ANY'), Status.ENOENT);
});

statement('A22', { deviation: 'those who wait for space are told that the ring is gone (peer-gone)' }, async () => {
  const harness = await CoreHarness.open('a', 'b', 'c');
  harness.register('b', 'ANY', { length: 48 });
  harness.send('a', 'b');
  assert.is(harness.send('c', 'b'), Status.OK);
  assert.is(harness.send('c', 'b'), Status.EAGAIN);
  harness.unregister('b', 'ANY');
  assert.equal(harness.at('c').of(Op.peerGone), [
    { op: Op.peerGone, domid: harness.domid('b'), port: PORT, messages: 1, bytes: 16 },
  ]);
  assert.equal(harness.at('c').of(Op.space), []);
});

statement('A23', undefined, async () => {
  const harness = await CoreHarness.open('a', 'b');
  harness.register('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.OK);
  harness.unregister('b', 'ANY');
  assert.is(harness.send('a', 'b'), Status.ECONNREFUSED);
});

statement.run();
