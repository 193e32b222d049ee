/** What processes leave to others: a nice value, or the idle class of Linux's scheduler. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { enterIdleClass } from '../../clients/cli/idle-class.ts';

/** 0 to 19; or idle: whatever is ready and not in this class runs instead, at once. */
export type Niceness = number | 'idle';

/** With 0 a process stays as it is. Threads that it starts later are as nice. */
export function makeNice(pid: number, nice: Niceness): void {
  if (nice === 0) return;
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  if (nice !== 'idle') for (const thread of threads) setPriority(thread, nice);
  else if (!enterIdleClass(threads)) throw new Error('there is no idle class here: it needs Linux and koffi');
}
