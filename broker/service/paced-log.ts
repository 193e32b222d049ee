/**
 * A log that no VM can flood. Lines with the same message about the same domain have one cause. Strangers have no name
 * yet, so they are one cause together. A cause may write LOG_LINES_AT_ONCE lines and then one per LOG_INTERVAL_MS.
 * Further lines are counted, and the count is written as `heldBack` at the end of the interval, so no line is lost
 * silently. A domain has at most LOG_CAUSES_PER_DOMAIN causes; all others are one cause per level.
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
  /** Time at which the cause has its whole allowance again, on the monotonic clock. */
  restedAt: number;
  heldBack: number;
}

type Level = keyof Logger;

export class PacedLog implements Logger {
  readonly #to: Logger;
  readonly #clock: Clock;
  /** By level, message and domain. */
  readonly #causes = new Map<string, Cause>();
  /** Number of causes by domain. */
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

  /** Error texts may differ each time. Beyond the limit, all new texts share one cause. */
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
