/**
 * Tells the broker that its log is read or exported, so that the log says so. Best effort: a person who may read the
 * directory can read it without this command, and a log without a broker gets no record.
 */
import type { ControlFlags } from '../../sockets/control.ts';
import { who } from '../../who.ts';
import { WRITER_TIMEOUT_MS, writerOf } from './writer.ts';

export interface LogAccess {
  /** The command, and what it is about. */
  readonly what: string;
  /** Which records; empty: all. */
  readonly question: string;
  /** How many leave the log. Undefined: they are only shown. */
  readonly records?: number;
}

/** True: the log has, or will have, a record of it. Never rejects. */
export async function announce(
  directory: string,
  { what, question, records }: LogAccess,
  { control }: Pick<ControlFlags, 'control'> = {},
): Promise<boolean> {
  const writer = await writerOf(directory, control);
  if (writer === null) return false;
  try {
    const { callControl } = await import('../../../../broker/index.ts');
    const kind = records === undefined ? 'read' : 'export';
    const body = { by: who(), what, question, ...(records === undefined ? {} : { records }) };
    return (await callControl(writer.socket, 'POST', `/v1/audit/${kind}`, body, WRITER_TIMEOUT_MS)).ok;
  } catch {
    // It went away, or does not take this from this user: reading does not depend on it.
    return false;
  }
}
