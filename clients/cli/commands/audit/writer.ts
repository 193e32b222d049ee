/** The broker that writes a log, if it answers this user at its control socket. */
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A reader waits no longer than this for a broker that is busy. */
export const WRITER_TIMEOUT_MS = 2_000;

export interface WriterState {
  /** Its control socket. */
  readonly socket: string;
  readonly pid: number;
  /** False: the disk fails, and sends are stopped. */
  readonly healthy: boolean;
  /** Records that wait for the disk, and how many may. */
  readonly backlog: number;
  readonly backlogLimit: number;
}

/** Null: nobody writes the log, or the broker that does cannot be asked. Never rejects. */
export async function writerOf(directory: string, control = process.env.ARGUS_CONTROL): Promise<WriterState | null> {
  // Most logs that are read have no broker: then the code of the broker is not even loaded.
  if (!hasWriter(directory)) return null;
  try {
    const { callControl } = await import('../../../../broker/index.ts');
    const { controlSocket } = await import('../../sockets/control.ts');
    const socket = controlSocket(control);
    const { body } = await callControl(socket, 'GET', '/v1/status', undefined, WRITER_TIMEOUT_MS);
    const { pid, audit } = body as {
      readonly pid: number;
      readonly audit: WriterState & { readonly directory: string };
    };
    if (realpathSync(audit.directory) !== realpathSync(directory)) return null;
    // A broker of an earlier version does not tell its backlog.
    const { healthy, backlog = 0, backlogLimit = 0 } = audit;
    return { socket, pid, healthy, backlog, backlogLimit };
  } catch {
    // No socket, no permission to use it, or a broken argus.yaml: reading does not depend on these.
    return null;
  }
}

/** The writer of a directory listens on its LOCK. */
function hasWriter(directory: string): boolean {
  try {
    return statSync(join(directory, 'LOCK')).isSocket();
  } catch {
    return false;
  }
}
