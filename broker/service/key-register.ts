/**
 * Brings the register of the authority into the audit log: what was issued and revoked, by whom, and when.
 *
 * The authority may be offline, so entries come late: from a command at the control socket, or from a file in the
 * identity's directory at the next start. Each entry is recorded once, however often and from wherever it comes.
 */
import { type RecordedEntries, type RegisterEntry, type TrustAnchor, verifyRegisterExtract } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { AuditEvent } from '../record/index.ts';

export type TakeResult =
  | { readonly ok: true; readonly recorded: number }
  | { readonly ok: false; readonly reason: 'NOT_AN_EXTRACT' | 'LOG_NOT_WRITTEN'; readonly message: string };

/** Which entries are in the log, independent of where this is stored. */
export type EntryStore = Pick<RecordedEntries, 'has' | 'ids' | 'pending' | 'begin' | 'complete'>;

type Log = Pick<AuditLog, 'record' | 'whenWritten' | 'head'>;

export class KeyRegister {
  readonly #store: EntryStore;
  readonly #anchor: () => TrustAnchor;
  readonly #audit: Log;
  /** One extract at a time: two of them can hold the same entry. */
  #taking: Promise<unknown> = Promise.resolve();

  private constructor(store: EntryStore, anchor: () => TrustAnchor, audit: Log) {
    this.#store = store;
    this.#anchor = anchor;
    this.#audit = audit;
  }

  /**
   * @param idsAfter the ids of the entries that the log holds after a record: what an earlier run has recorded, before it
   *   ended without noting it
   */
  static async open(
    store: EntryStore,
    anchor: () => TrustAnchor,
    audit: Log,
    idsAfter: (seq: number) => Promise<ReadonlySet<string>>,
  ): Promise<KeyRegister> {
    const { pending } = store;
    if (pending !== null) {
      const found = await idsAfter(pending.after);
      await store.complete(pending.ids.filter((id) => found.has(id)));
    }
    return new KeyRegister(store, anchor, audit);
  }

  /** The ids of the entries that are in the log. */
  get known(): readonly string[] {
    return this.#store.ids;
  }

  /**
   * Resolves when the entries are in the log and noted.
   *
   * @param jws an extract, from a person or a file
   * @throws KeyError ERR_KEY_FILE_IO
   */
  take(jws: string): Promise<TakeResult> {
    const taken = this.#taking.then(() => this.#take(jws));
    this.#taking = taken.catch(() => undefined); // the caller gets the error; the next extract is tried anyway
    return taken;
  }

  async #take(jws: string): Promise<TakeResult> {
    const entries = await verifyRegisterExtract(jws.trim(), this.#anchor());
    if (entries === null)
      return {
        ok: false,
        reason: 'NOT_AN_EXTRACT',
        message: 'not an extract of a register that the authority of this broker signed',
      };
    const missing = entries.filter(({ id }) => !this.#store.has(id));
    if (missing.length === 0) return { ok: true, recorded: 0 };
    const ids = missing.map(({ id }) => id);
    await this.#store.begin(ids, this.#audit.head.seq);
    for (const entry of missing) this.#audit.record(eventOf(entry));
    const isWritten = await new Promise<boolean>((resolve) => this.#audit.whenWritten(resolve));
    if (!isWritten)
      return {
        ok: false,
        reason: 'LOG_NOT_WRITTEN',
        message:
          'the audit log cannot be written now; the entries are noted as begun, and the next start looks for them',
      };
    await this.#store.complete(ids);
    return { ok: true, recorded: missing.length };
  }
}

function eventOf(entry: RegisterEntry): AuditEvent {
  const { id, at, by } = entry;
  const common = { entry: id, at: timeOf(at), by };
  if (entry.kind === 'issue') {
    const { cause, role, name, thumbprint, generation, until, requestedAt } = entry;
    const requested = requestedAt === null ? {} : { requestedAt: timeOf(requestedAt) };
    return {
      event: 'key.issue',
      reason: cause,
      detail: { role, name, key: thumbprint, generation, until: timeOf(until), ...common, ...requested },
    };
  }
  const { role, name, thumbprint, generation, serial, reason, from, until } = entry;
  const target = thumbprint === null ? { role, name, generation } : { key: thumbprint };
  const term = { from: timeOf(from), until: until === null ? null : timeOf(until) };
  return { event: 'key.revoke', reason: 'REVOKED', detail: { ...target, serial, why: reason, ...term, ...common } };
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
