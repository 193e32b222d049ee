/** What a program that runs once costs: its wall time and its CPU time. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** proc(5): the time of children that were waited for, behind the `)` that ends the name, in ticks of 10 ms. */
const CHILDREN_USER = 13;
const CHILDREN_SYSTEM = 14;
const MS_A_TICK = 10;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** No tool takes nearly so long for 10 000 rows. */
const TIMEOUT_MS = 120_000;

/** Null where the system has no /proc. */
function childrenCpuMs(): number | null {
  if (process.platform !== 'linux') return null;
  return parseChildrenCpuMs(readFileSync('/proc/self/stat', 'latin1'));
}

export function parseChildrenCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[CHILDREN_USER]) + Number(fields[CHILDREN_SYSTEM])) * MS_A_TICK;
}

export interface ToolRun {
  readonly wallMs: number;
  readonly cpuMs: number | null;
  readonly output: string;
}

/** One at a time: the CPU time of two would be one sum. Exit code 1 is the answer "there are differences" of some tools. */
export async function runTool(program: string, args: readonly string[]): Promise<ToolRun> {
  const [startedAt, cpuBefore] = [performance.now(), childrenCpuMs()];
  const output = await promisify(execFile)(program, [...args], {
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: TIMEOUT_MS,
  }).catch((error: { code?: unknown; stdout?: string; stderr?: string; message: string }) => {
    if (error.code === 1 && (error.stdout ?? '') !== '') return { stdout: error.stdout ?? '' };
    throw new Error(`bench: ${program} failed: ${error.stderr || error.message}`);
  });
  const [wallMs, cpuAfter] = [performance.now() - startedAt, childrenCpuMs()];
  return {
    wallMs,
    cpuMs: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore,
    output: output.stdout,
  };
}
