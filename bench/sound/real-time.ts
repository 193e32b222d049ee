/**
 * Sound servers ask for real-time priority themselves, for the threads that handle samples: PipeWire for its data loop,
 * PulseAudio for a thread per sink. Their other threads must not have it, or the samples wait for them.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** In /proc/PID/task/TID/stat, counted from the field behind the name. */
const POLICY_FIELD = 38;
const SCHED_FIFO = '1';
const SCHED_RR = '2';

/** False where there is no /proc. */
export function hasRealTimeThread(pid: number): boolean {
  try {
    const folder = `/proc/${pid}/task`;
    return readdirSync(folder).some((thread) => {
      const stat = readFileSync(`${folder}/${thread}/stat`, 'utf8');
      const policy = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY_FIELD];
      return policy === SCHED_FIFO || policy === SCHED_RR;
    });
  } catch {
    return false;
  }
}
