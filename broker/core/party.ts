/** A domain as rings see it: who it is in the revision in force, and where its frames go while it has a session. */
import type { Decision, Domain } from '../../policy/contract/index.ts';
import type { Account } from './accounts.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { Outlet } from './outlet.ts';
import type { DenialContext } from './recorder.ts';

export class Party {
  /** As the revision in force describes it; replaced when a new one is adopted. */
  domain: Domain;
  /** `argo:enable` in the revision in force; without it every operation is EACCES (A03). */
  enabled: Decision;
  /** The broker that is its home; null = this one. */
  elsewhere: Elsewhere | null = null;
  /** Present while a session is attached. */
  outlet: Outlet | null = null;
  /** Messages accepted into its rings since the session began: numbers them against `outlet.departed`. */
  deliveries = 0;
  /** Names the session in denial records. */
  denialContext: DenialContext = { session: null };

  /** What the broker holds on behalf of the domain. */
  readonly account: Account;

  constructor(domain: Domain, enabled: Decision, account: Account) {
    this.account = account;
    this.domain = domain;
    this.enabled = enabled;
  }
}
