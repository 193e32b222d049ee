/** What the agent takes of a guest's memory: its main script prints /proc/PID/status, the test reads it. */
import type { Machine } from '../../clients/machines/index.ts';

/** The most that it may take. */
export const MAX_AGENT_MIB = 80;

export async function residentMib(machine: Machine): Promise<number> {
  const [, kib = ''] = await machine.line(/^VmRSS:\s+(\d+) kB/);
  const mib = Math.round(Number(kib) / 1024);
  process.stdout.write(`agent in ${machine.name}: ${mib} MiB resident\n`);
  return mib;
}
