/**
 * Who may mark the log as reviewed: an auditor, and no admin. The statement is signed with the auditor's own key, so a
 * person who may use the control socket cannot make one.
 */
import { z } from 'zod';
import { type Credential, type TrustAnchor, verifyCredential, verifyStatement } from '../../../keys/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import type { Clock } from '../../base/index.ts';
import { CLOCK_TOLERANCE_SECONDS, MAX_GRANT_TEXT } from '../../process/index.ts';

/** Type of the signed statement of a review. */
export const REVIEW_TYP = 'argus-review';

export interface ReviewRequest {
  /** The auditor's credential and statement, both from the caller and not yet verified. */
  readonly credential: string;
  readonly statement: string;
}

export interface Review {
  /** The auditor, by its credential. */
  readonly by: string;
  /** Thumbprint of the auditor's key. */
  readonly key: string;
  /** The last record that was reviewed, and the hash of its line as the auditor saw it. */
  readonly through: number;
  readonly hash: string;
  readonly note: string;
}

export type ReviewResult =
  | { readonly ok: true; readonly review: Review }
  | { readonly ok: false; readonly code: string; readonly message: string };

interface Sources {
  readonly identity: { readonly authority: TrustAnchor };
  readonly audit: Pick<AuditLog, 'head'>;
  readonly keys: { readonly isRevoked: (credential: Credential) => boolean };
  readonly clock: Pick<Clock, 'wall'>;
}

const claims = z.strictObject({
  through: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  note: z.string().trim().min(1).max(MAX_GRANT_TEXT),
});

export class Reviews {
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * Never rejects. A statement that is sent again is recorded again: it still says what its auditor reviewed. The
   * reader of the log compares the hash with the record.
   */
  async accept({ credential, statement }: ReviewRequest): Promise<ReviewResult> {
    const { identity, audit, keys, clock } = this.#sources;
    const options = { now: clock.wall(), clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS };
    const verdict = await verifyCredential(credential, identity.authority, { ...options, roles: ['auditor'] });
    if (!verdict.ok) {
      const who = verdict.refused === null ? 'the credential' : `"${verdict.refused.name}" (${verdict.refused.role})`;
      return refused(`only an auditor reviews the log, and ${who} is refused: ${verdict.reason}`);
    }
    const said = await verifyStatement(statement, REVIEW_TYP, verdict.credential);
    if (said === null) return refused(`the review is not signed by the key of "${verdict.credential.name}"`);
    if (keys.isRevoked(verdict.credential)) return refused(`the key of "${verdict.credential.name}" is revoked`);
    const parsed = claims.safeParse(said);
    if (!parsed.success) return refused(`a review says through, hash and note: ${z.prettifyError(parsed.error)}`);
    const { name: by, thumbprint: key } = verdict.credential;
    if (parsed.data.through > audit.head.seq)
      return refused(`record ${parsed.data.through} does not exist yet: the newest is ${audit.head.seq}`);
    return { ok: true, review: { by, key, ...parsed.data } };
  }
}

function refused(message: string): ReviewResult {
  return { ok: false, code: 'ERR_BROKER_REVIEW', message };
}
