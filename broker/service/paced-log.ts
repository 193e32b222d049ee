/**
 * A log that no VM can flood. Lines with the same message about the same domain are one cause; strangers, who have no
 * name yet, are one cause together. A cause writes LOG_LINES_AT_ONCE lines and then one for each LOG_INTERVAL_MS. Lines
 * beyond that are counted, and the count is written as `heldBack` at the end of the interval, so nothing is lost silently.
 * A domain has LOG_CAUSES_PER_DOMAIN causes; what it causes beyond is one cause for each level.
 */
import type { Clock } from '../base/index.ts';
import {
  LOG_CAUSES_PER_DOMAIN,
  LOG_INTERVAL_MS,
  LOG_LINES_AT_ONCE,
  type Logger,
  MAX_LOG_CAUSES,
} from '../process/index.ts';

interface Cause {
  /** When the cause has its whole allowance again, on the monotonic clock. */
  restedAt: number;
  heldBack: number;
}

type Level = keyof Logger;

export class PacedLog implements Logger {
  readonly #to: Logger;
  readonly #clock: Clock;
  /** By level, message and domain. */
  readonly #causes = new Map<string, Cause>();
  /** How many of the causes are about a domain. */
  readonly #causesOf = new Map<string, number>();

  constructor(to: Logger, clock: Clock) {
    this.#to = to;
    this.#clock = clock;
  }

  readonly info: Logger['info'] = this.#level('info');
  readonly warn: Logger['warn'] = this.#level('warn');
  readonly error: Logger['error'] = this.#level('error');

  #level(level: Level): Logger[Level] {
    return (fieldsOrMessage: object | string, message?: string): void => {
      if (typeof fieldsOrMessage === 'string') this.#write(level, {}, fieldsOrMessage);
      else this.#write(level, fieldsOrMessage, message ?? '');
    };
  }

  #write(level: Level, fields: object, message: string): void {
    const domain = 'domain' in fields ? String(fields.domain) : '';
    const now = this.#clock.mono();
    const cause = this.#cause(level, domain, message, now);
    const restedAt = Math.max(cause.restedAt, now) + LOG_INTERVAL_MS;
    if (restedAt - now <= LOG_LINES_AT_ONCE * LOG_INTERVAL_MS) {
      cause.restedAt = restedAt;
      this.#to[level](fields, message);
      return;
    }
    if (++cause.heldBack === 1) this.#clock.after(LOG_INTERVAL_MS, () => this.#tell(level, domain, message, cause));
  }

  /** Texts of errors may differ each time: past a number, all that is new is one cause. */
  #cause(level: Level, domain: string, message: string, now: number): Cause {
    let key = `${level} ${domain} ${message}`;
    const isFull = domain !== '' && (this.#causesOf.get(domain) ?? 0) >= LOG_CAUSES_PER_DOMAIN;
    if (isFull && !this.#causes.has(key)) key = `${level} ${domain}`;
    if (this.#causes.size >= MAX_LOG_CAUSES && !this.#causes.has(key)) key = level;
    let cause = this.#causes.get(key);
    if (cause === undefined) {
      cause = { restedAt: now, heldBack: 0 };
      this.#causes.set(key, cause);
      this.#causesOf.set(domain, (this.#causesOf.get(domain) ?? 0) + 1);
    }
    return cause;
  }

  #tell(level: Level, domain: string, message: string, cause: Cause): void {
    const { heldBack } = cause;
    cause.heldBack = 0;
    this.#to[level](domain === '' ? { heldBack } : { domain, heldBack }, message);
  }
}
