/** A policy as the broker's core sees it: its domains, its classes and the monitor that decides. */
import type { Domains } from './domain.ts';
import type { ReferenceMonitor } from './monitor.ts';
import type { Revision } from './permit.ts';
import type { ServiceClasses } from './services.ts';

/** A label given to a domain at run time, on top of the files. */
export interface Grant {
  readonly domain: string;
  readonly label: string;
}

/** One complete policy. Immutable, apart from decisions that it remembers. */
export interface CompiledPolicy {
  readonly revision: Revision;
  /** SHA-256 over all six files, hex. Grants are not in it. */
  readonly hash: string;
  /** SHA-256 of assertions.csv, hex: shows the auditor which assertions were checked. */
  readonly assertionsHash: string;
  readonly domains: Domains;
  readonly classes: ServiceClasses;
  readonly monitor: ReferenceMonitor;
  /** Rows of policy.csv. */
  readonly rows: number;
  /** Declared labels; `@any` is not counted. */
  readonly labels: ReadonlyMap<string, { readonly grantable: boolean }>;
  readonly grants: readonly Grant[];
  /** Domains whose denials by the rows are recorded and not enforced. */
  readonly permissive: readonly string[];
  /** Assertions that hold and tests that passed. */
  readonly checked: { readonly assertions: number; readonly tests: number };
}
