/**
 * A command that reads the audit log runs on the host of the broker. It steps back: while the broker and the VMs have work
 * for all cores, the command gets a small part of one. On an idle host it is as fast as before.
 *
 * A report gets only what is left over, because it works for seconds at a time. Who follows a log does little, and has to
 * be in time.
 */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { enterIdleClass } from './idle-class.ts';

/** Linux gives a thread with this nice value a 28th of the time of an ordinary one. */
const READER_NICE = 15;
/** They read the whole log too. */
const OF_POLICY: readonly string[] = ['replay', 'simulate', 'suggest', 'shadow'];
/** They read a log, or all of its index, and end. */
const REPORTS: readonly string[] = [
  ...['report', 'traffic', 'first-seen', 'probes', 'deny-then-allow', 'flow', 'timeline'],
  ...['access', 'rules', 'reviews'],
];

/** @param words of the command line, from the name of the program on */
export function stepBackIfReader(words: readonly string[]): void {
  if (!readsLog(words)) return;
  const own = threads();
  for (const thread of own) stepBack(thread);
  if (isReport(words)) enterIdleClass(own);
}

/** The class cannot be left again, so a report that goes on with `--follow` does not enter it. */
export function isReport([, group = '', command = '', ...rest]: readonly string[]): boolean {
  return group === 'audit' && REPORTS.includes(command) && !rest.includes('--follow');
}

/** A witness serves brokers that wait for its answer. */
export function readsLog([, group = '', command = '']: readonly string[]): boolean {
  return group === 'audit' ? command !== 'witness' : group === 'policy' && OF_POLICY.includes(command);
}

/** Linux has a priority for each thread, and threads that begin later inherit it. Elsewhere it is one for the process. */
function threads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    return [process.pid];
  }
}

function stepBack(thread: number): void {
  try {
    setPriority(thread, READER_NICE);
  } catch {
    // The thread has ended, or its user has given it a higher nice value already, which may not be lowered.
  }
}
