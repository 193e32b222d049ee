/** What the core tells the audit log. The log in broker/audit has this shape, and so has a test's array. */
import type { Decision, Denial, Domain, Permit } from '../../policy/contract/index.ts';

/** Allowed sends since the last flush; the hot path adds to it. */
export interface FlowCounter {
  messages: number;
  bytes: number;
}

/** One object per session: denials that differ only in it are counted apart. */
export interface DenialContext {
  readonly session?: string | null;
}

export type CoreEvent =
  | { readonly event: 'ring.register'; readonly by: Permit; readonly port: number; readonly bytes: number }
  | {
      readonly event: 'ring.unregister' | 'ring.revoked';
      readonly src: Domain;
      readonly dst: Domain | null;
      readonly port: number;
      readonly reason: string;
      readonly by?: Decision;
    }
  | { readonly event: 'send.allowed'; readonly by: Permit; readonly port: number; readonly bytes: number }
  | {
      readonly event: 'send.revoked' | 'send.undelivered';
      readonly by: Decision;
      readonly port: number;
      readonly messages: number;
      readonly bytes: number;
      readonly reason: string;
    };

export interface Recorder {
  /** False: the log cannot be written, sends must stop. */
  readonly healthy: boolean;
  record(event: CoreEvent): void;
  denied(denial: Denial, port: number | null, bytes: number, context?: DenialContext): void;
  flow(permit: Permit, port: number): FlowCounter;
  endFlow(permit: Permit, port: number): void;
}
