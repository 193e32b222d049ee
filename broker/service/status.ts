/** The content of `argus status`: plain values, read on request. */
import type { AeadChoice } from '../../keys/index.ts';
import { type AuditLog, type LogShare, MAX_RETAINED_RECORDS } from '../audit/index.ts';
import type { Federation, RemoteBrokerStatus } from '../federation/index.ts';
import type { PolicySourceName } from '../process/index.ts';
import { STRANGERS } from '../turns/index.ts';
import { type Status, statusWord } from '../wire/index.ts';
import type { KeyStatus, KeyWatch } from './key-watch.ts';
import type { Refusal } from './policy/policy-change.ts';
import type { PolicyReload } from './policy/reload.ts';
import type { BundleStatus } from './policy/signed-policy.ts';
import { type MemoryStatus, memoryOf, type Usage, type UsageSources, usageOf } from './usage.ts';

export interface DomainStatus extends Usage {
  readonly name: string;
  readonly domid: number;
  readonly labels: readonly string[];
  /** Null while there is no session. */
  readonly session: string | null;
  readonly carrier: string | null;
  readonly suite: string | null;
  /** When the credential of its session expires, RFC 3339; the session ends then. Null while there is none. */
  readonly credentialExpiresAt: string | null;
  /** Memory of its messages and rings. */
  readonly memory: MemoryStatus;
  readonly log: LogStatus;
  readonly rings: readonly {
    readonly port: number;
    readonly partner: string;
    readonly length: number;
    readonly used: number;
  }[];
}

/** One domain's share of the audit log. */
export interface LogStatus {
  /** Bytes of records that it may cause now; null: it has caused none yet. */
  readonly left: number | null;
  /** Events that were counted instead of written one by one, since start. */
  readonly withheld: number;
}

export interface BrokerStatus {
  readonly broker: string;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** When the broker's own credential expires, RFC 3339; no session opens after that. */
  readonly credentialExpiresAt: string;
  readonly pid: number;
  readonly policy: {
    readonly revision: number;
    readonly hash: string;
    readonly directory: string;
    readonly rows: number;
    readonly grants: number;
    /** Domains whose denials are recorded and not enforced. */
    readonly permissive: readonly string[];
    /** The reason why the last read files are not in force; null when they are. */
    readonly refusal: Refusal | null;
    /** The source of policies: the files of the directory, the requests of an admin, or signed bundles. */
    readonly source: PolicySourceName;
    /** The bundle whose files are in force; null where bundles are not used. */
    readonly bundle: BundleStatus | null;
  };
  /** The provider that seals and opens records, and why a better one is not used. */
  readonly aead: AeadChoice;
  readonly keys: KeyStatus;
  readonly audit: {
    readonly directory: string;
    readonly healthy: boolean;
    readonly records: number;
    readonly head: string;
    /** Records that wait for the disk. At the limit sends stop. */
    readonly backlog: number;
    readonly backlogLimit: number;
  };
  /** Memory of messages and its limit, bytes. */
  readonly memory: { readonly held: number; readonly total: number };
  readonly domains: readonly DomainStatus[];
  /** All carriers over TCP that have not authenticated yet. */
  readonly strangers: Usage;
  /** Other brokers, as far as the inventory names any. */
  readonly brokers: readonly RemoteBrokerStatus[];
  readonly messages: number;
  readonly bytes: number;
  /** Refused operations, by status word. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface StatusSources extends UsageSources {
  readonly name: string;
  readonly version: string;
  /** Of the broker's credential, seconds since 1970-01-01 UTC. */
  /** The broker's own; its credential may be replaced while it runs. */
  readonly identity: { readonly credential: { readonly expiresAt: number } };
  readonly startedAt: number;
  readonly aead: AeadChoice;
  readonly auditDirectory: string;
  readonly keys: KeyWatch;
  readonly reload: PolicyReload;
  readonly audit: AuditLog;
  readonly federation: Federation;
  clock(): number;
}

export function describeBroker(sources: StatusSources): BrokerStatus {
  const { argo, audit } = sources;
  const shares = new Map(audit.shares().map((share) => [share.name, share]));
  return {
    broker: sources.name,
    version: sources.version,
    uptimeSeconds: Math.floor((sources.clock() - sources.startedAt) / 1_000),
    credentialExpiresAt: timeOf(sources.identity.credential.expiresAt),
    pid: process.pid,
    policy: describePolicy(sources.reload),
    aead: sources.aead,
    keys: sources.keys.status(),
    audit: {
      directory: sources.auditDirectory,
      healthy: audit.healthy,
      records: audit.head.seq,
      head: audit.head.hash,
      backlog: audit.backlog,
      backlogLimit: MAX_RETAINED_RECORDS,
    },
    memory: { held: argo.accounts.total - argo.accounts.free, total: argo.accounts.total },
    domains: [...argo.domains()].map((state) => {
      const peer = sources.sessions.peerOf(state.domain.name);
      const expiry = sources.sessions.expiryOf(state.domain.name);
      return {
        name: state.domain.name,
        domid: state.domain.domid,
        labels: state.domain.labels,
        session: peer?.id ?? null,
        carrier: peer?.carrier.name ?? null,
        suite: peer?.suite ?? null,
        credentialExpiresAt: expiry === null ? null : timeOf(expiry),
        memory: memoryOf(state.account),
        log: logOf(shares.get(state.domain.name)),
        ...usageOf(sources, state.domain.name),
        rings: [...state.ringsByHandle.values()].map((ring) => ({
          port: ring.port,
          partner: ring.partner?.domain.name ?? 'any',
          length: ring.length,
          used: ring.used,
        })),
      };
    }),
    strangers: usageOf(sources, STRANGERS),
    brokers: sources.federation.peers(),
    messages: argo.counters.messages,
    bytes: argo.counters.bytes,
    refused: Object.fromEntries(
      Object.entries(argo.counters.refused).map(([code, count]) => [statusWord(Number(code) as Status), count]),
    ),
  };
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}

function logOf(share: LogShare | undefined): LogStatus {
  return { left: share?.left ?? null, withheld: share?.withheld ?? 0 };
}

function describePolicy({ policy, source, bundle, refusal }: PolicyReload): BrokerStatus['policy'] {
  const { revision, hash, directory, rows, grants, permissive } = policy;
  return { revision, hash, directory, rows, grants: grants.length, permissive, source, bundle, refusal };
}
