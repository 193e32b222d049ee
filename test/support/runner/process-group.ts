/** A process group: a test process and all processes that it started and did not detach. */
import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:process';

/** Kills the whole group at once. It is no error if the group is already gone. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** True while a process of the group runs. */
export function isGroupAlive(leader: number): boolean {
  if (platform === 'linux') return hasRunningMember(leader);
  try {
    process.kill(-leader, 0);
    return true;
  } catch {
    return false;
  }
}

/** A container without an init keeps the zombies of orphans for ever, and kill(2) counts them as members. */
function hasRunningMember(leader: number): boolean {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
    } catch {
      continue; // the process has just ended
    }
    // proc(5): "pid (comm) state ppid pgrp ..."; comm may itself hold blanks and brackets.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (group === String(leader) && state !== 'Z' && state !== 'X') return true;
  }
  return false;
}
