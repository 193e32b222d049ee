import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditLog, memoryAudit } from '../../../broker/audit/index.ts';
import type { AuditRecord } from '../../../broker/record/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { denialOf, durable, hostClock, named, openOn, permitOf } from '../fixtures.ts';

const memory = suite('audit memory');

async function use(log: AuditLog): Promise<void> {
  log.record({ event: 'policy.load', revision: 1, policy: 'ab'.repeat(32) });
  log.record({ event: 'session.open', src: named('audio-vm'), session: 's' });
  log.denied(denialOf(), 7, 10, { session: 's' });
  log.record({ event: 'send.revoked', by: denialOf(), port: 7, messages: 2, bytes: 20, reason: 'REVISION' });
  log.record({ event: 'ring.unregister', src: named('audio-vm'), dst: null, port: 7 });
  const flow = log.flow(permitOf(), 7);
  flow.messages = 3;
  log.endFlow(permitOf(), 7);
  assert.ok(await durable(log));
  await log.close('done');
}

/** What a run has in common with another. */
function content({ boot: _boot, broker: _broker, prev: _prev, sum: _sum, ...rest }: AuditRecord): object {
  return rest;
}

memory('the twin records what the log on disk records', async () => {
  const { log, disk } = await openOn();
  const twin = memoryAudit(hostClock(new FakeClock()));
  await use(log);
  await use(twin);
  assert.equal(twin.records.map(content), disk.records().map(content));
  assert.is(twin.head.seq, log.head.seq);
});

memory('the twin can act like a full disk', async () => {
  const twin = memoryAudit();
  const changes: boolean[] = [];
  const stop = twin.onHealth((healthy) => changes.push(healthy));
  twin.setHealthy(false);
  assert.not.ok(await durable(twin));
  twin.setHealthy(true);
  assert.ok(await durable(twin));
  stop();
  twin.setHealthy(false);
  assert.equal(changes, [false, true]);
  await twin.close();
  await twin.close();
  assert.throws(() => twin.denied(denialOf(), 1, 1));
});

memory.run();
