/** The common start of both client processes: read the setup, load the arm, and never outlive the bench. */
import { type Arm, isArmName } from '../arms/arm.ts';
import { loadArm } from '../arms/registry.ts';
import type { RoleSetup } from './calls.ts';

export async function startRole(): Promise<{ readonly setup: RoleSetup; readonly arm: Arm }> {
  const setup = JSON.parse(process.argv[2] ?? '{}') as RoleSetup;
  if (!isArmName(setup.arm)) throw new Error(`no arm "${String(setup.arm)}"`);
  // Ctrl-C reaches the whole process group; the bench ends its children in order
  process.on('SIGINT', () => {});
  process.on('disconnect', () => endWithBench(setup.serverPids));
  return { setup, arm: await loadArm(setup.arm) };
}

/**
 * The channel breaks without a `close` only if the bench was killed outright. Then only this process can end the
 * server.
 */
function endWithBench(serverPids: readonly number[]): void {
  for (const pid of serverPids) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // already gone: the bench ends servers after clients only when it could
    }
  }
  process.exit();
}
