/**
 * Watches the keys of holders while the broker runs: which are revoked, which are old, and which name has two holders.
 *
 * Two holders of one name are an incident. It is recorded, counted and shown in `argus status`; there is never a silent
 * take-over. An old or revoked key is refused even if no other session of that name exists. The broker cannot tell one
 * key in two places from a VM that came back over another carrier. So the newer session wins, and the incident says so.
 *
 * Sessions of a revoked key end at once: this does not wait for the disk or the log.
 */
import type { Credential, InstallResult, KeyRefusal, RevocationList, RevocationStore } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import { INCIDENT_QUIET_MS, type Logger, MAX_INCIDENTS, SWEEP_MS } from '../process/index.ts';

export type IncidentKind = KeyRefusal | 'TWO_SESSIONS';

export interface KeyIncident {
  readonly kind: IncidentKind;
  readonly role: string;
  readonly name: string;
  /** Thumbprint of the presented key. */
  readonly key: string;
  readonly count: number;
  /** RFC 3339. */
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface KeyStatus {
  /** Serial of the revocation list in force; 0 = there is none. */
  readonly revocationSerial: number;
  readonly revoked: number;
  /** True when some credential was issued under a newer list than the one here. */
  readonly isStale: boolean;
  readonly incidents: readonly KeyIncident[];
}

/** Everything that a broker knows about keys, for `argus keys audit`. */
export interface KeyReport extends KeyStatus {
  readonly list: RevocationList;
  readonly holders: readonly { readonly holder: string; readonly generation: number; readonly thumbprint: string }[];
}

/** The sessions that end when their keys are revoked. */
export interface RevocableSessions {
  /** @returns how many were ended */
  endRevoked(isRevoked: (credential: Credential) => boolean): number;
}

interface Incident {
  readonly kind: IncidentKind;
  readonly credential: Credential;
  readonly firstAt: number;
  count: number;
  lastAt: number;
  /** Time of its last record, and the number of occurrences since then. */
  recordedAt: number;
  unrecorded: number;
}

/** Is notified of each list that comes into force, to send it to the other brokers. */
export interface ListCarrier {
  listInstalled(jws: string): void;
}

/** The state of keys, independent of where it is stored. */
export type KeyStore = Pick<
  RevocationStore,
  'judge' | 'noteProven' | 'install' | 'list' | 'signedList' | 'isStale' | 'holders'
>;

export class KeyWatch {
  readonly #store: KeyStore;
  readonly #audit: Pick<AuditLog, 'record'>;
  readonly #log: Pick<Logger, 'warn' | 'error'>;
  readonly #clock: Clock;
  readonly #sessions: RevocableSessions[] = [];
  readonly #carriers: ListCarrier[] = [];
  /** In the order in which they began. The oldest is dropped when there are too many. */
  readonly #incidents = new Map<string, Incident>();
  #cancelLook: () => void;

  constructor(store: KeyStore, audit: Pick<AuditLog, 'record'>, log: Pick<Logger, 'warn' | 'error'>, clock: Clock) {
    this.#store = store;
    this.#audit = audit;
    this.#log = log;
    this.#clock = clock;
    this.#cancelLook = clock.after(SWEEP_MS, () => this.#look());
  }

  watch(sessions: RevocableSessions): void {
    this.#sessions.push(sessions);
  }

  announceTo(carrier: ListCarrier): void {
    this.#carriers.push(carrier);
  }

  /** The list in force, as signed by the authority; null while there is none. */
  get signedList(): string | null {
    return this.#store.signedList;
  }

  /**
   * The handshake calls this after the holder signed its hello or welcome. A hello may be a replay, so the incident
   * says "presented".
   */
  readonly isRevoked = (credential: Credential): boolean => {
    const refusal = this.#store.judge(credential, this.#clock.wall());
    if (refusal === null) return false;
    this.#incident(refusal, credential);
    return true;
  };

  /**
   * The holder has proved its key in the handshake.
   *
   * @returns false when the key was revoked since the hello: the session must end
   */
  proven(credential: Credential): boolean {
    if (this.#store.judge(credential, this.#clock.wall()) !== null) return false;
    this.#store.noteProven(credential).catch((error: unknown) => {
      // The broker remembers the key until it ends. After a restart only the revocation list can refuse the older key.
      // A full disk is no reason to refuse a holder.
      this.#log.error({ err: error, holder: credential.name }, 'the newest key of a holder cannot be written down');
    });
    return true;
  }

  /** One key, or two generations of it, was used in two places while the older session was alive. */
  twoSessions(newer: Credential): void {
    this.#incident('TWO_SESSIONS', newer);
  }

  /**
   * Installs a newer list, ends the sessions that it revokes at once, and passes it on. Resolves when the list is on
   * disk. Rejects with KeyError ERR_KEY_FILE_IO when it cannot be written; it is then in force until the broker ends.
   */
  async install(jws: string): Promise<InstallResult & { readonly ended: number }> {
    const result = await this.#store.install(jws);
    const ended = result.ok ? this.#endRevoked() : 0;
    const { signedList } = this.#store;
    if (result.ok && result.isNew && signedList !== null)
      for (const carrier of this.#carriers) carrier.listInstalled(signedList);
    const { serial, entries } = this.#store.list;
    if (!result.ok || result.isNew)
      this.#audit.record({
        event: 'key.list',
        reason: result.ok ? 'INSTALLED' : result.reason,
        detail: { serial, entries: entries.length, ended },
      });
    if (result.ok) await result.written;
    return { ...result, ended };
  }

  status(): KeyStatus {
    return {
      revocationSerial: this.#store.list.serial,
      revoked: this.#store.list.entries.length,
      isStale: this.#store.isStale,
      incidents: [...this.#incidents.values()].map(({ kind, credential, count, firstAt, lastAt }) => ({
        kind,
        role: credential.role,
        name: credential.name,
        key: credential.thumbprint,
        count,
        firstAt: new Date(firstAt).toISOString(),
        lastAt: new Date(lastAt).toISOString(),
      })),
    };
  }

  describe(): KeyReport {
    return { ...this.status(), list: this.#store.list, holders: this.#store.holders() };
  }

  close(): void {
    this.#cancelLook();
  }

  /** Looks again and again, because an entry of the list can start or stop being valid at a given time. */
  #look(): void {
    this.#endRevoked();
    this.#cancelLook = this.#clock.after(SWEEP_MS, () => this.#look());
  }

  #endRevoked(): number {
    const now = this.#clock.wall();
    const isRevoked = (credential: Credential): boolean => this.#store.judge(credential, now) !== null;
    return this.#sessions.reduce((ended, each) => ended + each.endRevoked(isRevoked), 0);
  }

  /** Any process can replay a hello at will. So an incident is recorded at most once a minute, with an exact count. */
  #incident(kind: IncidentKind, credential: Credential): void {
    const now = this.#clock.wall();
    const id = `${kind} ${credential.role}/${credential.name} ${credential.thumbprint}`;
    const incident = this.#incidents.get(id) ?? this.#begin(id, kind, credential, now);
    incident.count += 1;
    incident.lastAt = now;
    incident.unrecorded += 1;
    if (now - incident.recordedAt < INCIDENT_QUIET_MS) return;
    const { role, name, thumbprint, generation } = credential;
    const detail = { role, name, key: thumbprint, generation, count: incident.unrecorded };
    incident.recordedAt = now;
    incident.unrecorded = 0;
    this.#audit.record({ event: 'key.incident', reason: kind, detail });
    this.#log.warn({ kind, ...detail }, 'a key that does not count, or one in two places');
  }

  #begin(id: string, kind: IncidentKind, credential: Credential, now: number): Incident {
    const [oldest] = this.#incidents.keys();
    if (this.#incidents.size >= MAX_INCIDENTS && oldest !== undefined) this.#incidents.delete(oldest);
    const times = { firstAt: now, lastAt: now, recordedAt: Number.NEGATIVE_INFINITY };
    const incident: Incident = { kind, credential, count: 0, unrecorded: 0, ...times };
    this.#incidents.set(id, incident);
    return incident;
  }
}
