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
  const { sent, heard, sentFrames, heardFrames, attacks, isAuditVerified } = evidence;
  const [sentHash, heardHash] = [sha256(sent), sha256(heard)];
  const identical = sentHash === heardHash && sentFrames !== undefined && sentFrames === heardFrames;
  // A run without attacks proves nothing: rogue-vm may have crashed before its first.
  const isDefended = attacks.length > 0 && attacks.every(({ refused }) => refused);
  return {
    ok: identical && isDefended && isAuditVerified,
    audioSeconds: Number((sent.length / FRAME_BYTES / SAMPLE_RATE_HZ).toFixed(3)),
    samples: { identical, sent: sentHash, heard: heardHash, count: sent.length / FRAME_BYTES },
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
