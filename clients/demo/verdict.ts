/** Decides from the evidence of a run whether every promise held. Pure. */
import { createHash } from 'node:crypto';
import { FRAME_BYTES, SAMPLE_RATE_HZ } from './audio/wav.ts';
import type { AttackResult } from './roles/messages.ts';

/** The facts that a run has collected. */
export interface Evidence {
  /** PCM that chrome-vm was given to play, and PCM that audio-vm wrote to disk. */
  readonly sent: Uint8Array;
  readonly heard: Uint8Array;
  /** Messages as each end counted them; undefined = the end did not report. */
  readonly sentFrames: number | undefined;
  readonly heardFrames: number | undefined;
  /** Messages that chrome-vm sent and got no answer for in time: each may have been delivered or not. */
  readonly unansweredFrames: number;
  readonly attacks: readonly AttackResult[];
  readonly isAuditVerified: boolean;
}

export interface DemoVerdict {
  readonly ok: boolean;
  readonly audioSeconds: number;
  readonly samples: {
    readonly identical: boolean;
    /** SHA-256, hex. */
    readonly sent: string;
    readonly heard: string;
    readonly count: number;
  };
}

export function assess(evidence: Evidence): DemoVerdict {
  const { sent, heard, attacks, isAuditVerified } = evidence;
  const [sentHash, heardHash] = [sha256(sent), sha256(heard)];
  const identical = sentHash === heardHash && agree(evidence);
  // A run without attacks proves nothing: rogue-vm may have crashed before its first.
  const isDefended = attacks.length > 0 && attacks.every(({ refused }) => refused);
  return {
    ok: identical && isDefended && isAuditVerified,
    audioSeconds: Number((sent.length / FRAME_BYTES / SAMPLE_RATE_HZ).toFixed(3)),
    samples: { identical, sent: sentHash, heard: heardHash, count: sent.length / FRAME_BYTES },
  };
}

/** Every accepted message was heard, and no message was heard that was not sent. */
function agree({ sentFrames, heardFrames, unansweredFrames }: Evidence): boolean {
  if (sentFrames === undefined || heardFrames === undefined) return false;
  return sentFrames <= heardFrames && heardFrames <= sentFrames + unansweredFrames;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
