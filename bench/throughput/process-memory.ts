/** Memory that another process has resident, so that a broker written in any language is measured in the same way. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const KIB = 1024;

/** Bytes. Throws when there is no such process. */
export function residentBytes(pid: number): number {
  try {
    if (process.platform === 'linux') return parseStatus(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'latin1' }).trim()) * KIB;
  } catch (cause) {
    throw new Error(`process ${pid} has ended`, { cause });
  }
}

/** proc(5): `VmRSS:    123456 kB`. */
export function parseStatus(status: string): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (found === undefined) throw new Error('no VmRSS');
  return Number(found) * KIB;
}
