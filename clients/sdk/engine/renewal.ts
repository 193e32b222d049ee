/**
 * Looks at the end of this domain's credential while a session is up. In the last third of its term the SDK asks the
 * authority's domain for a new one, by a message like any other, and puts it into the directory of the identity. The
 * watch for a new credential then presents it in the session.
 */
import type { Credential, Identity } from '../../../keys/index.ts';
import { renewalTime } from '../../../keys/index.ts';
import {
  CREDENTIAL_CHECK_MS,
  EXPIRY_NOTICE_MS,
  MAX_RENEWAL_LOOK_MS,
  MIN_RENEWAL_LOOK_MS,
  RENEWAL_LOOKS,
} from '../limits.ts';
import type { Platform } from '../platform.ts';

export interface RenewalParts {
  load(): Promise<Identity>;
  /** Asks the authority's domain for a new credential; null: no authority is configured. */
  readonly ask: ((identity: Identity) => Promise<string>) | null;
  install(credentialJwt: string): Promise<Credential>;
  renewed(expiresAt: number): void;
  /** @param cause of the last attempt; null: nobody was asked */
  expiring(expiresAt: number, cause: unknown): void;
}

/** @returns a function that ends the watch */
export function watchExpiry(
  parts: RenewalParts,
  platform: Pick<Platform, 'schedule' | 'now' | 'wallClock'>,
): () => void {
  let cancel = (): void => {};
  let isOver = false;
  let noticedAt = Number.NEGATIVE_INFINITY;
  const notice = (expiresAt: number, cause: unknown): void => {
    if (isOver || platform.now() - noticedAt < EXPIRY_NOTICE_MS) return;
    noticedAt = platform.now();
    parts.expiring(expiresAt, cause);
  };
  /** @returns when to look again, milliseconds */
  const look = async (): Promise<number> => {
    const identity = await parts.load();
    const { credential } = identity;
    const { expiresAt } = credential;
    const again = intervalOf(credential);
    if (expiresAt - platform.wallClock() / 1000 > renewalTime(credential)) return again;
    if (parts.ask === null) {
      notice(expiresAt, null);
      return again;
    }
    try {
      const jwt = await parts.ask(identity);
      if (isOver) return again;
      const renewed = await parts.install(jwt);
      parts.renewed(renewed.expiresAt);
    } catch (cause) {
      notice(expiresAt, cause);
    }
    return again;
  };
  const schedule = (delayMs: number): void => {
    if (isOver) return;
    cancel = platform.schedule(
      delayMs,
      () =>
        void look()
          .catch(() => CREDENTIAL_CHECK_MS)
          .then(schedule),
    );
  };
  schedule(MIN_RENEWAL_LOOK_MS);
  return () => {
    isOver = true;
    cancel();
  };
}

/** Some ten attempts fit into the last third of a term, also where terms are short. */
function intervalOf({ notBefore, expiresAt }: Credential): number {
  const termMs = (expiresAt - notBefore) * 1000;
  return Math.min(MAX_RENEWAL_LOOK_MS, Math.max(MIN_RENEWAL_LOOK_MS, Math.floor(termMs / RENEWAL_LOOKS)));
}
