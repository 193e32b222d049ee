/** The broker's structured log: one JSON object a line on stderr. Not the audit log, which nobody may turn down. */
import { pino } from 'pino';
import type { Logger } from '../process/index.ts';

export function openLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
