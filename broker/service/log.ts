/** The broker's structured log: one JSON object a line on stderr. Unlike the audit log it has levels. */
import { pino } from 'pino';
import type { Logger } from '../process/index.ts';

export function openLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
