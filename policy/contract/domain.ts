/** A domain: a VM known to the broker, as one revision of the inventory describes it. */
import type { Station } from './station.ts';

export interface Domain {
  /** Dense, 0-based position in this revision's inventory; the AVC's row and column. Not stable across revisions. */
  readonly index: number;
  /** Argo's domid: 0 … 0x7FEF. */
  readonly domid: number;
  /** `[a-z0-9][a-z0-9-]*`, at most 63 characters. Stable: credentials and policy rows speak of names. */
  readonly name: string;
  /** Every label the domain has, directly, through other labels or by a grant; sorted, each starting with `@`. */
  readonly labels: readonly string[];
  /** Lower-case `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string | null;
  /** Dotted quad. */
  readonly ipv4: string | null;
  /** RFC 5952: lower case, short. */
  readonly ipv6: string | null;
  /** Prefixes, `10.0.0.0/8` or `fd00::/8`, that it routes: it may pass on packets from there, and announce them. */
  readonly routes: readonly string[];
  /** Prefixes of 64 bits in which it chooses IPv6 addresses by itself. The broker learns which (RFC 7039). */
  readonly slaac: readonly string[];
  /** The same addresses and prefixes as packets hold them. */
  readonly station: Station;
  /** How its messages reach the broker: `unix:/run/argus/chrome-vm.sock`; null = the broker's default. Not looked into here. */
  readonly carrier: string | null;
  /** Its saved state may be started more than once: its sessions need an AEAD that survives it. Not looked into here. */
  readonly cloneSafe: boolean;
  /** User, by name or uid, that its virtual machine monitor runs as on its home; null = the broker's own. Not looked into here. */
  readonly vmm: string | number | null;
  /** Name of the broker that is this domain's home; null = whichever broker loads the policy. */
  readonly home: string | null;
}

/** The inventory of one revision. */
export interface Domains {
  readonly all: readonly Domain[];
  byDomid(domid: number): Domain | undefined;
  byName(name: string): Domain | undefined;
  /** The pseudo-domain `broker`: Flask's xen_t, target of `argo:enable` and `argo:register_any_source`. Not in `all`. */
  readonly broker: Domain;
}
