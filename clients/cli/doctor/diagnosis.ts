/** The result of a check of `argus doctor`. */
import { CodedError } from '../../../broker/base/index.ts';

export interface Diagnosis {
  /** `host: policy` */
  readonly check: string;
  /** `warning`: it works but will not for long, or a person should look at it. */
  readonly state: 'good' | 'warning' | 'problem';
  readonly says: string;
  /** Stable code of a problem; null otherwise. */
  readonly code: string | null;
}

export function good(check: string, says: string): Diagnosis {
  return { check, state: 'good', says, code: null };
}

export function warning(check: string, says: string): Diagnosis {
  return { check, state: 'warning', says, code: null };
}

export function problem(check: string, code: string, says: string): Diagnosis {
  return { check, state: 'problem', says, code };
}

/** An error with a code names the fault and the remedy. Any other error is a bug, and is not hidden. */
export function problemOf(check: string, error: unknown): Diagnosis {
  if (error instanceof CodedError) return problem(check, String(error.code), error.message);
  throw error;
}

/** A credential that ends sooner is a warning: time enough to renew it on a working day. */
const SOON_DAYS = 14;
const DAY_SECONDS = 86_400;

/** @param expiresAt seconds since 1970 */
export function expiry(check: string, expiresAt: number, now: number): Diagnosis {
  const date = new Date(expiresAt * 1_000).toISOString().slice(0, 10);
  const days = Math.floor((expiresAt - now) / DAY_SECONDS);
  return days < SOON_DAYS
    ? warning(
        check,
        `the credential ends in ${days} days, on ${date}; issue a new one and install it (argus keys install)`,
      )
    : good(check, `valid until ${date}`);
}
