/** A domain that begins sessions in a loop: let in, slowed down, and said so in the log. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tailAudit } from '../../broker/audit/index.ts';
import { SESSION_INTERVAL_MS, SESSIONS_AT_ONCE } from '../../broker/process/limits.ts';
import { SessionPace } from '../../broker/service/session-pace.ts';
import { DATA_PORT, withInstallation } from '../support/installation/installation.ts';

const pace = suite('pace of sessions');

pace('so many at once are calm, then one per interval; what comes sooner is counted in a row', () => {
  let now = 5_000;
  const sessions = new SessionPace(() => now);
  const counts = (number: number): readonly number[] =>
    Array.from({ length: number }, () => sessions.count('chrome-vm'));
  assert.equal(counts(SESSIONS_AT_ONCE + 3), [...Array(SESSIONS_AT_ONCE).fill(0), 1, 2, 3]);
  assert.is(sessions.count('mail-vm'), 0, 'another domain has its own allowance');
  now += SESSION_INTERVAL_MS - 1;
  assert.equal(counts(1), [4]);
  now += 1;
  assert.equal(counts(3), [0, 1, 2]);
  // Haste is not saved up: who has rested has the whole allowance again, and no more.
  now += 10 * SESSIONS_AT_ONCE * SESSION_INTERVAL_MS;
  assert.equal(counts(SESSIONS_AT_ONCE + 1), [...Array(SESSIONS_AT_ONCE).fill(0), 1]);
});

pace('a hasty domain is recorded as such, and served after all', () =>
  withInstallation({}, async (installation) => {
    await installation.broker();
    for (let session = 0; session < SESSIONS_AT_ONCE; session++)
      await (await installation.connect('chrome-vm')).close();
    const counted = async (): Promise<unknown[]> => {
      const counts: unknown[] = [];
      for await (const { parsed } of tailAudit(installation.audit, { lines: 1_000 })) {
        if (typeof parsed === 'string' || parsed.event !== 'session.open') continue;
        const { detail } = parsed.fields;
        counts.push(typeof detail === 'object' && detail !== null && 'hasty' in detail ? detail.hasty : 0);
      }
      return counts;
    };
    assert.equal(await counted(), Array(SESSIONS_AT_ONCE).fill(0));
    let chrome = await installation.connect('chrome-vm');
    // The allowance grows meanwhile, so that more than one may be needed.
    while (!(await counted()).some((hasty) => hasty !== 0)) {
      await chrome.close();
      chrome = await installation.connect('chrome-vm');
    }
    const mail = await installation.connect('mail-vm');
    const ring = await mail.registerRing({ port: DATA_PORT, partner: 'any', length: 4_096 });
    await chrome.sendv({ to: { domain: 'mail-vm', port: DATA_PORT }, iov: Uint8Array.of(1) });
    for await (const message of ring) {
      assert.equal([...message.payload], [1]);
      break;
    }
  }),
);

pace.run();
