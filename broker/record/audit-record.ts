/** The audit record: the content of one line of the log. */
import type { RuleRef } from '../../policy/contract/index.ts';
import type { AuditEventName } from './catalog.ts';
import type { Detail } from './events.ts';

/** A domain as it was when the event happened: its labels may differ today. */
export interface RecordedDomain {
  readonly domain: string;
  readonly domid: number;
  readonly labels: readonly string[];
}

/** One line, in the order of its keys. Members that do not apply are absent. */
export interface AuditRecord {
  /** 1-based, without gaps, never reused over the life of the directory. Order by this, not by time. */
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds, by the host's clock, which may step. For a collapsed record: the first occurrence. */
  readonly time: string;
  /** Milliseconds since the broker started, to the microsecond; does not step. */
  readonly mono: number;
  /** Random id of one start of the broker. */
  readonly boot: string;
  /** The broker's name. */
  readonly broker: string;
  readonly event: AuditEventName;
  /** Stable code of the event: `A4001W`, … */
  readonly code: string;
  readonly decision?: 'allow' | 'deny';
  /** A code: `NO_RULE`, `EXPLICIT_DENY`, …, `PEER_GONE`. */
  readonly reason?: string;
  readonly rule?: RuleRef;
  readonly src?: RecordedDomain;
  readonly dst?: RecordedDomain;
  /** Argo port. Also absent when a flood over many ports was collapsed (`detail.ports`). */
  readonly port?: number;
  readonly class?: string;
  readonly permission?: string;
  readonly messages?: number;
  /** Payload bytes. */
  readonly bytes?: number;
  /** Bytes of room in a ring. */
  readonly ringBytes?: number;
  readonly revision?: number;
  /** First digits of the policy's hash. */
  readonly policy?: string;
  readonly session?: string;
  /** Present when the domain is permissive, so that the denial was recorded but not enforced. */
  readonly permissive?: true;
  /** Exact number of identical events that this record stands for; absent = 1. */
  readonly count?: number;
  readonly detail?: Detail;
  /** RFC 6962 leaf hash (SHA-256, hex) of the exact bytes of the previous line, without its newline. */
  readonly prev: string;
  /** First digits of the SHA-256 of this line's bytes up to `,"sum"`. */
  readonly sum: string;
}
