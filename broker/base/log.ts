/** The broker's structured log: one JSON object a line on stderr. Not the audit log, which nobody may turn down. */
import { type Logger, pino } from 'pino';

export type { Logger };

export function openLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
