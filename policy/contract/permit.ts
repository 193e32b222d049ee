/**
 * Permit and Denial: the two things a hook can return.
 *
 * A Permit is proof that the reference monitor allowed exactly this source, destination, class and permission under
 * exactly this revision. Only the AVC can make one (the mint functions are not re-exported by the folder's door and
 * test/arch asserts who imports them); the core demands one wherever a byte enters a ring. Both are interned by the
 * AVC, so a decision on the hot path allocates nothing.
 */
import type { Domain } from './domain.ts';

/** One complete policy in force; grows by one with each successful load of a broker's life. */
export type Revision = number & { readonly __brand: 'Revision' };

/** @throws TypeError when the number is not 1, 2, 3 … */
export function toRevision(value: number): Revision {
  if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`a revision is a positive integer, not ${value}`);
  return value as Revision;
}

/** Where the deciding row stands. */
export interface RuleRef {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

/** Why a request was denied. Never shown to the denied domain, always to the auditor. */
export type DenialReason =
  /** No row allows it: the default. */
  | 'NO_RULE'
  /** A deny row matched; deny overrides allow. */
  | 'EXPLICIT_DENY'
  /** The source is not in the inventory of this revision. */
  | 'UNKNOWN_SOURCE'
  /** The destination is not in the inventory (of this revision). */
  | 'UNKNOWN_DESTINATION'
  /** The class is not one of this revision. */
  | 'UNKNOWN_CLASS'
  /** The check itself failed: a bug of ours, or Casbin and the rows disagree. */
  | 'INTERNAL'
  /** The message names a source that is not its session's domain, or a source port that the domain does not own. */
  | 'FOREIGN_SOURCE'
  | UnfitReason;

/** Denials for what a message is, whatever the rows say. The inspector of the class finds them. */
export type UnfitReason =
  /** The payload is not a well-formed message of the class that the port is bound to. */
  | 'MALFORMED'
  /** A hardware address that is not the `mac` of the sender. */
  | 'FOREIGN_MAC'
  /** An IP address that is neither `ipv4` or `ipv6` of the sender nor in its `routes`. */
  | 'FOREIGN_ADDRESS'
  /** A DHCP client id that names another hardware address than the `mac` of the sender. */
  | 'FOREIGN_CLIENT_ID';

/** The request. Both outcomes share it. */
interface Asked {
  readonly revision: Revision;
  readonly source: Domain;
  readonly destination: Domain;
  /** Flask class: `argo` or a service class of services.yaml. */
  readonly className: string;
  readonly permission: string;
  readonly rule: RuleRef | null;
}

/** How allowed uses are recorded (services.yaml, and `auditallow` rows of policy.csv). */
export interface AllowedAudit {
  readonly auditallow: boolean;
  readonly strict: boolean;
  readonly digest: boolean;
}

/** For policy/decide/avc.ts alone: assigned by the class below, whose constructor no other module can reach. */
export let mintPermit: (asked: Asked, audit: AllowedAudit, permissive?: Denial | null) => Permit;
/** For policy/decide/avc.ts alone. */
export let mintDenial: (asked: Asked, reason: DenialReason, dontaudit?: RuleRef | null) => Denial;

/** Shown by the mint functions to the constructors: `private` alone would only hold at compile time. */
const MINT = Symbol('mint');

function fromMint(key: symbol): void {
  if (key !== MINT) throw new TypeError('only the reference monitor makes permits and denials');
}

export class Permit implements Asked {
  readonly allowed = true;
  readonly revision: Revision;
  readonly source: Domain;
  readonly destination: Domain;
  readonly className: string;
  readonly permission: string;
  readonly rule: RuleRef | null;
  /** Record every use one by one (`auditallow` of services.yaml or of a row) instead of counting per flow. */
  readonly auditallow: boolean;
  /** A message is delivered only after the record of this use is on disk (services.yaml `strict`). */
  readonly strict: boolean;
  /** The record of a use has a digest of the message (services.yaml `digest`). Only where `strict` is true. */
  readonly digest: boolean;
  /** The denial that is recorded and not enforced, because the source is permissive; null = the rows allow it. */
  readonly permissive: Denial | null;
  readonly #minted = true;

  private constructor(key: symbol, asked: Asked, audit: AllowedAudit, permissive: Denial | null) {
    fromMint(key);
    this.revision = asked.revision;
    this.source = asked.source;
    this.destination = asked.destination;
    this.className = asked.className;
    this.permission = asked.permission;
    this.rule = asked.rule;
    this.auditallow = audit.auditallow;
    this.strict = audit.strict;
    this.digest = audit.digest;
    this.permissive = permissive;
    Object.freeze(this);
  }

  /** True only for an object that the mint below made: `{...permit}`, a prototype trick or a cast does not pass. */
  static isGenuine(value: object): value is Permit {
    return #minted in value;
  }

  static {
    mintPermit = (asked, audit, permissive = null) => new Permit(MINT, asked, audit, permissive);
  }
}

export class Denial implements Asked {
  readonly allowed = false;
  readonly revision: Revision;
  readonly source: Domain;
  readonly destination: Domain;
  readonly className: string;
  readonly permission: string;
  readonly rule: RuleRef | null;
  readonly reason: DenialReason;
  /** The `dontaudit` row that keeps the denials out of the log: they are only counted. Null = each is recorded. */
  readonly dontaudit: RuleRef | null;

  private constructor(key: symbol, asked: Asked, reason: DenialReason, dontaudit: RuleRef | null) {
    fromMint(key);
    this.revision = asked.revision;
    this.source = asked.source;
    this.destination = asked.destination;
    this.className = asked.className;
    this.permission = asked.permission;
    this.rule = asked.rule;
    this.reason = reason;
    this.dontaudit = dontaudit;
    Object.freeze(this);
  }

  static {
    mintDenial = (asked, reason, dontaudit = null) => new Denial(MINT, asked, reason, dontaudit);
  }
}

// Otherwise `Permit.isGenuine = () => true` would be a way in.
for (const sealed of [Permit, Permit.prototype, Denial, Denial.prototype]) Object.freeze(sealed);

export type Decision = Permit | Denial;
