/** Service classes: the meaning of ports in services.yaml. */
import type { Domain } from './domain.ts';

/** The policy's view of the inspectors: the permissions that each one can name, in order. */
export type Inspectors = ReadonlyMap<string, { readonly permissions: readonly string[] }>;

export interface ServiceClass {
  /** Dense, 0-based, 0 is always `argo`, 1 always `unclassified`. */
  readonly index: number;
  readonly name: string;
  /** Position = the number that the inspector returns. */
  readonly permissions: readonly string[];
  /** Name of the inspector that reads the permission out of a message. */
  readonly inspector: string;
  /** The direction of information when a message of this class is sent. Flow analysis follows it. */
  readonly flow: 'to-destination' | 'to-source' | 'both';
  /** Two domains are not meant to send it to each other. The linter warns about rows that allow it (W-029). */
  readonly oneWay: boolean;
  /** Parallel to `permissions`: true = record every allowed use. */
  readonly auditallow: readonly boolean[];
  /** Parallel to `permissions`: true = the record of an allowed use is on disk before the message is delivered. */
  readonly strict: readonly boolean[];
  /** Parallel to `permissions`: true = `strict`, and the record has a digest of the message. */
  readonly digest: readonly boolean[];
}

export interface ServiceClasses {
  readonly all: readonly ServiceClass[];
  byName(name: string): ServiceClass | undefined;
  /** The class bound to this port of this destination; `unclassified` when no class claims it. */
  of(destination: Domain, port: number): ServiceClass;
}
