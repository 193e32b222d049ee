/** The audit log verifies: chain, tree and checkpoints, with the torn tails of crashes declared by the run that follows. */
import { verifyAudit } from '../../../../broker/audit/index.ts';
import type { Disk } from '../../engine/disk.ts';
import { Host, Process } from '../../engine/process.ts';
import { Scheduler } from '../../engine/scheduler.ts';
import { type Invariant, type View, Violation } from '../invariant.ts';

export class Chain implements Invariant {
  readonly name = 'chain';

  async quiet({ homes }: View): Promise<void> {
    for (const { name, disk } of homes) {
      const { problems } = await verifyAudit('/simulated', { reader: readerOf(disk) });
      const [first] = problems;
      if (first !== undefined) throw new Violation(this.name, `${name}: ${JSON.stringify(first)}`);
    }
  }
}

/** An auditor: it reads, and never waits for the simulated disk. */
function readerOf(disk: Disk): ReturnType<Disk['filesFor']> {
  return disk.filesFor(new Process(new Host(new Scheduler(), 'auditor'), 'auditor'));
}
