/**
 * The part of a domain's state that rings need: its entry in the revision in force, and its frame sink while it has a
 * session.
 */
import type { Decision, Domain } from '../../policy/contract/index.ts';
import type { DenialContext } from '../record/index.ts';
import type { Account } from './accounts.ts';
import type { FrameSink } from './frame-sink.ts';
import type { RemoteBroker } from './remote-broker.ts';

export class DomainBase {
  /** As the revision in force describes it; replaced when a new one is adopted. */
  domain: Domain;
  /** `argo:enable` in the revision in force; without it every operation is EACCES (A03). */
  enabled: Decision;
  /** The remote broker that is its home; null = this broker. */
  remote: RemoteBroker | null = null;
  /** Present while a session is attached. */
  sink: FrameSink | null = null;
  /** Messages accepted into its rings since the session began. Compared with `sink.departed`. */
  deliveries = 0;
  /** Identifies the session in denial records. */
  denialContext: DenialContext = { session: null };

  /** Memory that the broker uses on behalf of the domain. */
  readonly account: Account;

  constructor(domain: Domain, enabled: Decision, account: Account) {
    this.account = account;
    this.domain = domain;
    this.enabled = enabled;
  }
}
