/** CPU time another process has used so far, so that a broker written in any language is measured in the same way. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Linux counts in USER_HZ, which the kernel's ABI fixes at 100. */
const MICROS_PER_TICK = 10_000;
/** Positions after the `)` that ends the process name, proc(5): state is 0, utime 11, stime 12. */
const UTIME = 11;
const STIME = 12;

/** User plus system time of all threads of `pid`, in µs; the resolution is 10 ms. Throws when there is no such process. */
export function processCpuMicros(pid: number): number {
  try {
    if (process.platform === 'linux') return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return parsePsTime(execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'latin1' }));
  } catch (cause) {
    throw new Error(`process ${pid} has ended`, { cause });
  }
}

/** The name in the second field may hold spaces and brackets: fields are counted from the last `)`. */
export function parseStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME]) + Number(fields[STIME])) * MICROS_PER_TICK;
}

/** `[[days-]hours:]minutes:seconds[.hundredths]`, as BSD and procps print it. */
export function parsePsTime(time: string): number {
  const [clock = '', days = '0'] = time.trim().split('-').reverse();
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1e6);
}
