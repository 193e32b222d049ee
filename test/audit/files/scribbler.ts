/** A process that writes an audit log as fast as it can and tells each durable record on stdout, until it is killed. */
import { writeSync } from 'node:fs';
import { openAuditLog } from '../../../broker/audit/index.ts';

const [directory = '', segmentBytes = '65536'] = process.argv.slice(2);
const log = await openAuditLog({ directory, broker: 'scribbler', segmentBytes: Number(segmentBytes) });
writeSync(1, 'open\n');

let count = 0;

function scribble(): void {
  const from = count;
  for (let index = 0; index < 50; index++) {
    log.record({
      event: 'policy.reject',
      reason: `${process.pid}:${count++}`,
      detail: { text: 'x'.repeat(index * 10) },
    });
  }
  const through = count - 1;
  log.whenDurable((ok) => {
    // Written synchronously: what stands on the pipe was acknowledged before the kill.
    if (ok) writeSync(1, `${process.pid}:${through}\n`);
    if (count - from < 500) scribble();
  });
}

// Two chains of writers, so that there is always something in flight and something queued.
scribble();
scribble();
