import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  LOG_CAUSES_PER_DOMAIN,
  LOG_INTERVAL_MS,
  LOG_LINES_AT_ONCE,
  MAX_LOG_CAUSES,
} from '../../broker/process/limits.ts';
import { PacedLog } from '../../broker/service/paced-log.ts';
import { FakeClock } from '../support/clock.ts';

const paced = suite('paced log');

interface Line {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

function open(): { log: PacedLog; lines: Line[]; clock: FakeClock } {
  const lines: Line[] = [];
  const clock = new FakeClock();
  const at = (level: string) => (fields: object | string, message?: string) =>
    void lines.push(
      typeof fields === 'string' ? { level, fields: {}, message: fields } : { level, fields, message: message ?? '' },
    );
  return { log: new PacedLog({ info: at('info'), warn: at('warn'), error: at('error') }, clock), lines, clock };
}

paced('one cause writes so many lines at once, and the rest is counted exactly', () => {
  const { log, lines, clock } = open();
  for (let line = 0; line < 1_000; line++) log.warn({ carrier: `tcp ${line}`, reason: 'TIMEOUT' }, 'session refused');
  assert.is(lines.length, LOG_LINES_AT_ONCE);
  clock.advance(LOG_INTERVAL_MS);
  const heldBack = 1_000 - LOG_LINES_AT_ONCE;
  assert.equal(lines.at(-1), { level: 'warn', fields: { heldBack }, message: 'session refused' });
  assert.is(clock.pendingTimers, 0);
});

paced('a flood writes two lines an interval at most, however long it lasts', () => {
  const { log, lines, clock } = open();
  for (let round = 0; round < 100; round++) {
    for (let line = 0; line < 50; line++) log.info({ domain: 'noisy' }, 'session opened');
    clock.advance(LOG_INTERVAL_MS);
  }
  assert.ok(lines.length <= LOG_LINES_AT_ONCE + 2 * 100, String(lines.length));
  const counted = lines.reduce((sum, { fields }) => sum + ('heldBack' in fields ? Number(fields.heldBack) : 1), 0);
  assert.is(counted, 100 * 50);
});

paced('another domain, another message and another level are causes of their own', () => {
  const { log, lines } = open();
  for (let line = 0; line < 100; line++) log.info({ domain: 'noisy' }, 'session opened');
  const before = lines.length;
  log.info({ domain: 'quiet' }, 'session opened');
  log.info({ domain: 'noisy' }, 'session ended');
  log.error({ domain: 'noisy' }, 'session opened');
  log.warn('no fields at all');
  assert.is(lines.length, before + 4);
});

paced('texts that differ each time are one cause past a number', () => {
  const { log, lines } = open();
  for (let line = 0; line < MAX_LOG_CAUSES + 1_000; line++) log.warn({}, `error number ${line}`);
  assert.is(lines.length, MAX_LOG_CAUSES + LOG_LINES_AT_ONCE);
});

paced('a domain whose messages differ each time has no more causes than its own', () => {
  const { log, lines, clock } = open();
  for (let line = 0; line < 10_000; line++) log.warn({ domain: 'noisy' }, `error number ${line}`);
  assert.is(lines.length, LOG_CAUSES_PER_DOMAIN + LOG_LINES_AT_ONCE);
  log.warn({ domain: 'quiet' }, 'error number 1');
  assert.equal(lines.at(-1), { level: 'warn', fields: { domain: 'quiet' }, message: 'error number 1' });
  clock.advance(LOG_INTERVAL_MS);
  const counted = lines.reduce((sum, { fields }) => sum + ('heldBack' in fields ? Number(fields.heldBack) : 1), 0);
  assert.is(counted, 10_001);
});

paced.run();
