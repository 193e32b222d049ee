import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditError } from '../../../broker/audit/index.ts';
import {
  DEFAULT_FLOW_INTERVAL_MS,
  FLOOD_WINDOW_MS,
  MAX_RETAINED_RECORDS,
  PROMPT_RECORDS_PER_WINDOW,
  TUPLES_PER_SOURCE,
} from '../../../broker/audit/limits.ts';
import { seeded } from '../../support/seed.ts';
import { argoDenials, denialOf, deniedCount, durable, named, openOn, permitOf, settle } from '../fixtures.ts';

const writer = suite('audit writer');

writer('a clean run begins with broker.start, ends with broker.stop and verifies', async () => {
  const { log, disk, clock } = await openOn(undefined, { detail: { version: '1' } });
  await log.close('SIGTERM');
  const [start, stop] = disk.records();
  assert.is(start?.event, 'broker.start');
  assert.equal(start?.detail, { version: '1' });
  assert.is(stop?.event, 'broker.stop');
  assert.is(stop?.reason, 'SIGTERM');
  assert.is(clock.pendingTimers, 0);
  assert.not.ok(disk.locked);
  const result = await disk.verify();
  assert.ok(result.ok);
  assert.is(result.uncleanShutdowns, 0);
});

writer('what is recorded while a write is in flight goes out in the next single write', async () => {
  const { log, disk } = await openOn();
  let open = (): void => undefined;
  disk.gate = new Promise((resolve) => {
    open = resolve;
  });
  const writesBefore = disk.writes;
  const order: string[] = [];
  log.record({ event: 'policy.reject', reason: 'r0' });
  log.whenDurable(() => order.push('r0'));
  await settle();
  for (let index = 1; index <= 100; index++) {
    log.record({ event: 'policy.reject', reason: `r${index}` });
    log.whenDurable((ok) => order.push(`r${index}${ok ? '' : '!'}`));
  }
  await settle();
  assert.is(disk.writes - writesBefore, 1);
  assert.equal(order, [], 'nothing is answered before the sync');
  open();
  disk.gate = null;
  await settle();
  assert.is(disk.writes - writesBefore, 2);
  assert.equal(
    order,
    Array.from({ length: 101 }, (_, index) => `r${index}`),
  );
  assert.equal(
    disk
      .records()
      .slice(1)
      .map(({ reason }) => reason),
    order,
  );
  await log.close();
});

writer('whenDurable is never synchronous, and needs no record to be answered', async () => {
  const { log } = await openOn();
  let isAnswered = false;
  log.whenDurable((ok) => {
    isAnswered = ok;
  });
  assert.not.ok(isAnswered);
  await settle();
  assert.ok(isAnswered);
  await log.close();
});

writer('whenDurable with nothing new waits for the write in flight', async () => {
  const { log, disk } = await openOn();
  let open = (): void => undefined;
  disk.gate = new Promise((resolve) => {
    open = resolve;
  });
  log.record({ event: 'policy.reject', reason: 'x' });
  await settle();
  let isAnswered = false;
  log.whenDurable(() => {
    isAnswered = true;
  });
  await settle();
  assert.not.ok(isAnswered);
  open();
  await settle();
  assert.ok(isAnswered);
  await log.close();
});

writer('identical denials of one commit are one record with their exact count and bytes', async () => {
  const { log, disk } = await openOn();
  for (let index = 0; index < 1000; index++) log.denied(denialOf(), 7, 3);
  log.denied(denialOf(), 8, 3);
  log.denied(denialOf('net-vm'), 7, 3);
  assert.ok(await durable(log));
  const records = disk.records().slice(1);
  assert.equal(
    records.map(({ src, port, count, bytes }) => [src?.domain, port, count ?? 1, bytes]),
    [
      ['rogue-vm', 7, 1000, 3000],
      ['rogue-vm', 8, 1, 3],
      ['net-vm', 7, 1, 3],
    ],
  );
  await log.close();
});

writer('a denial of class argo is named after what was tried', async () => {
  const { log, disk } = await openOn();
  for (const denial of argoDenials()) log.denied(denial, null, 0);
  await durable(log);
  const records = disk.records().slice(1);
  assert.equal(
    records.map(({ event, permission, dst, port }) => [event, permission, dst?.domain, port]),
    [
      ['session.refused', 'enable', 'broker', undefined],
      ['ring.denied', 'register_any_source', 'broker', undefined],
      ['ring.denied', 'register_single_source', 'audio-vm', undefined],
      ['send.denied', 'send', 'audio-vm', undefined],
    ],
  );
  await log.close();
});

writer('denials of different sessions do not collapse into one another', async () => {
  const { log, disk } = await openOn();
  const contexts = [{ session: 'a' }, { session: 'b' }, { session: 'b', permissive: true }];
  for (let index = 0; index < 9; index++) log.denied(denialOf(), 7, 0, contexts[index % 3]);
  await durable(log);
  const records = disk.records().slice(1);
  assert.equal(
    records.map(({ session, permissive, count }) => [session, permissive ?? false, count]),
    [
      ['a', false, 3],
      ['b', false, 3],
      ['b', true, 3],
    ],
  );
  await log.close();
});

writer('a flood is held after the first records of a window, and its answers with it', async () => {
  const { log, disk, clock } = await openOn();
  const rogue = named('rogue-vm');
  for (let index = 0; index < PROMPT_RECORDS_PER_WINDOW; index++) {
    log.denied(denialOf(), 7, 0);
    assert.ok(await durable(log, rogue), 'prompt');
  }
  const before = disk.records().length;
  const answers: string[] = [];
  for (let index = 0; index < 5000; index++) {
    log.denied(denialOf(), 7, 0);
    if (index % 1000 === 0) log.whenDurable((ok) => answers.push(`rogue ${ok}`), rogue);
  }
  log.whenDurable((ok) => answers.push(`all ${ok}`));
  log.denied(denialOf('net-vm'), 7, 0);
  log.whenDurable((ok) => answers.push(`net ${ok}`), named('net-vm'));
  await settle();
  assert.equal(answers, ['net true'], 'a flood delays nobody else');
  assert.is(disk.records().length, before + 1);
  clock.advance(FLOOD_WINDOW_MS);
  await settle();
  assert.equal(answers.slice(1), [...Array(5).fill('rogue true'), 'all true']);
  assert.is(disk.records().at(-1)?.count, 5000);
  log.denied(denialOf(), 7, 0);
  assert.ok(await durable(log, rogue), 'a new window is prompt again');
  await log.close();
  assert.is(deniedCount(disk.records()), PROMPT_RECORDS_PER_WINDOW + 5000 + 2);
});

writer('a source that varies the port gets no more records than its tuples', async () => {
  const { log, disk, clock } = await openOn();
  for (let port = 0; port < 10_000; port++) log.denied(denialOf(), port, 1);
  clock.advance(FLOOD_WINDOW_MS);
  assert.ok(await durable(log));
  const denied = disk.records().filter(({ event }) => event === 'send.denied');
  assert.is(denied.length, TUPLES_PER_SOURCE + 1);
  assert.is(deniedCount(denied), 10_000);
  assert.is(denied.at(-1)?.port, undefined);
  assert.is(denied.at(-1)?.count, 10_000 - TUPLES_PER_SOURCE);
  await log.close();
});

writer('refused sessions and peer faults in a flood are counted exactly, kind by kind', async () => {
  const { log, disk, clock } = await openOn();
  const answers: string[] = [];
  for (let index = 0; index < 500; index++) {
    log.record({ event: 'session.refused', src: null, reason: 'BAD_SIGNATURE', detail: { index } });
    log.record({ event: 'peer.fault', src: named('rogue-vm'), reason: 'BAD_FRAME', session: 's' });
  }
  log.record({ event: 'peer.fault', src: named('rogue-vm'), reason: 'BAD_LENGTH' });
  log.whenDurable(() => answers.push('rogue'), named('rogue-vm'));
  log.whenDurable(() => answers.push('net'), named('net-vm'));
  await settle();
  assert.equal(answers, ['net']);
  assert.is(disk.records().length, 1 + 2 * PROMPT_RECORDS_PER_WINDOW + 1);
  clock.advance(FLOOD_WINDOW_MS);
  await settle();
  assert.equal(answers, ['net', 'rogue']);
  assert.ok(await durable(log), 'nothing is held any more');
  const held = disk.records().slice(-2);
  assert.equal(
    held.map(({ event, reason, session, count }) => [event, reason, session, count]),
    [
      ['session.refused', 'BAD_SIGNATURE', undefined, 500 - PROMPT_RECORDS_PER_WINDOW],
      ['peer.fault', 'BAD_FRAME', 's', 500 - PROMPT_RECORDS_PER_WINDOW],
    ],
  );
  assert.is(held[0]?.detail?.index, PROMPT_RECORDS_PER_WINDOW);
  await log.close();
});

writer('the counts of a log add up to the denials, whatever their order, ports and pauses', async () => {
  const step = fc.oneof(
    fc.record({
      source: fc.constantFrom('rogue-vm', 'net-vm'),
      port: fc.nat(400),
      times: fc.integer({ min: 1, max: 50 }),
    }),
    fc.constant('commit' as const),
    fc.constant('window' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { log, disk, clock } = await openOn();
      let denied = 0;
      let answered = 0;
      let asked = 0;
      for (const one of steps) {
        if (one === 'commit') await settle();
        else if (one === 'window') clock.advance(FLOOD_WINDOW_MS);
        else {
          for (let time = 0; time < one.times; time++) log.denied(denialOf(one.source), one.port, 1);
          denied += one.times;
          asked += 1;
          const sofar = denied;
          log.whenDurable((ok) => {
            answered += 1;
            assert.ok(ok);
            assert.ok(deniedCount(disk.records()) >= sofar, 'an answered denial has its record');
          });
        }
      }
      await log.close();
      assert.is(deniedCount(disk.records()), denied);
      assert.is(answered, asked);
      assert.ok((await disk.verify()).ok);
    }),
    seeded({ numRuns: 30 }),
  );
});

writer('flows are counted, written at the interval, at their end and at close', async () => {
  const { log, disk, clock } = await openOn(undefined, { flowIntervalMs: 500 });
  const flow = log.flow(permitOf(), 7);
  assert.is(log.flow(permitOf(), 7), flow);
  assert.is.not(log.flow(permitOf(), 8), flow);
  assert.is.not(log.flow(permitOf('net-vm'), 7), flow);
  const add = (messages: number): void => {
    flow.messages += messages;
    flow.bytes += messages * 100;
  };
  add(3);
  clock.advance(500);
  await settle();
  clock.advance(500);
  await settle();
  add(4);
  log.endFlow(permitOf(), 7);
  assert.is.not(log.flow(permitOf(), 7), flow);
  log.flow(permitOf(), 7).messages = 5;
  await log.close();
  const flows = disk.records().filter(({ event }) => event === 'flow');
  assert.equal(
    flows.map(({ decision, port, messages, bytes }) => [decision, port, messages, bytes]),
    [
      ['allow', 7, 3, 300],
      ['allow', 7, 4, 400],
      ['allow', 7, 5, 0],
    ],
  );
  assert.is(clock.pendingTimers, 0);
});

writer('a closed log refuses records, answers no and stays closed', async () => {
  const { log } = await openOn();
  await Promise.all([log.close(), log.close()]);
  const refuses = (act: () => void): void =>
    assert.throws(act, (error: unknown) => error instanceof AuditError && error.code === 'ERR_AUDIT_CLOSED');
  refuses(() => log.record({ event: 'policy.reject', reason: 'x' }));
  refuses(() => log.denied(denialOf(), 1, 1));
  assert.not.ok(await durable(log));
  await log.close();
});

writer('close writes what is held and answers who waits for it', async () => {
  const { log, disk } = await openOn();
  for (let index = 0; index < 20; index++) {
    log.denied(denialOf(), 7, 0);
    await settle();
  }
  const answer = durable(log, named('rogue-vm'));
  await log.close();
  assert.ok(await answer);
  assert.is(deniedCount(disk.records()), 20);
});

writer('a bad option is refused before anything is touched', async () => {
  for (const options of [{ segmentBytes: 0 }, { segmentBytes: 1.5 }, { flowIntervalMs: -1 }]) {
    await openOn(undefined, options).then(
      () => assert.unreachable(),
      (error: unknown) => assert.is(error instanceof AuditError && error.code, 'ERR_AUDIT_OPTION'),
    );
  }
});

writer(
  'more flows than the log keeps records are written in portions, with exact counts and without a gap',
  async () => {
    const { log, disk, clock } = await openOn(undefined, { domainBytesPerHour: 2 ** 40 });
    const permits = [permitOf('audio-vm'), permitOf('net-vm')];
    const ports = MAX_RETAINED_RECORDS / 2 + 500;
    const send = (): void => {
      for (const permit of permits) {
        for (let port = 0; port < ports; port++) {
          const flow = log.flow(permit, port);
          flow.messages += 1;
          flow.bytes += 10;
        }
      }
    };
    send();
    clock.advance(DEFAULT_FLOW_INTERVAL_MS);
    assert.ok(await durable(log), 'an innocent domain is answered while they are written');
    assert.ok(log.healthy);
    send();
    // All of them end at once, as with a new policy.
    for (const permit of permits) for (let port = 0; port < ports; port++) log.endFlow(permit, port);
    assert.ok(log.healthy);
    await log.close();
    const flows = disk.records().filter(({ event }) => event === 'flow');
    const sum = (key: 'messages' | 'bytes'): number => flows.reduce((total, flow) => total + (flow[key] ?? 0), 0);
    assert.is(sum('messages'), 2 * 2 * ports);
    assert.is(sum('bytes'), 2 * 2 * ports * 10);
    assert.not.ok(disk.records().some(({ event }) => event === 'audit.gap'));
    assert.is(disk.records().at(-1)?.event, 'broker.stop');
    assert.ok((await disk.verify()).ok);
  },
);

writer(
  'a log that fails while flows are due keeps counting, and the last try writes them before broker.stop',
  async () => {
    const { log, disk, clock } = await openOn();
    log.flow(permitOf(), 1).messages += 3;
    disk.broken.set('append', 'EIO');
    log.record({ event: 'policy.reject', reason: 'x' });
    await settle();
    assert.not.ok(log.healthy);
    clock.advance(DEFAULT_FLOW_INTERVAL_MS);
    log.flow(permitOf(), 1).messages += 4;
    disk.broken.clear();
    await log.close();
    assert.equal(
      disk.records().map(({ event, messages }) => [event, messages]),
      [
        ['broker.start', undefined],
        ['audit.gap', undefined],
        ['policy.reject', undefined],
        ['flow', 7],
        ['broker.stop', undefined],
      ],
    );
  },
);

writer.run();
