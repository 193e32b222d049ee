/**
 * The state of keys that is not in credentials: the revocation list, and the newest key of each holder.
 *
 * Three checks detect an outdated list: the last seen serial is stored next to the list; a credential names the serial
 * of the list at its issue; and a list with an older serial is never installed. The newest key of each holder is
 * remembered from its sessions, so an older key is refused even before a list revokes it.
 */
import * as z from 'zod';
import {
  KeyError,
  MAX_REGISTER_BYTES,
  MAX_REVOCATION_LIST_CHARACTERS,
  PRIVATE_FILE_MODE,
  PUBLIC_FILE_MODE,
} from '../base/index.ts';
import {
  type Credential,
  emptyRevocationList,
  findRevocation,
  type RevocationList,
  revokesKey,
  type TrustAnchor,
  verifyRevocationList,
} from '../credential/index.ts';
import { isPresent, readKeyFile, replaceKeyFile } from './key-files.ts';
import { type IdentityLayout, identityLayout } from './layout.ts';

/** The reason to refuse a credential that is otherwise valid. */
export type KeyRefusal =
  /** The list revokes it. */
  | 'REVOKED'
  /** A newer key of this holder has had a session. */
  | 'OLD_KEY'
  /**
   * Another key of the same generation has had a session: the authority lost its register, or two copies of it exist.
   */
  | 'SECOND_KEY';

const seenFile = z.object({
  issuer: z.string(),
  serial: z.int().nonnegative(),
  holders: z.record(z.string(), z.object({ generation: z.int().positive(), thumbprint: z.string() })),
});

interface NewestKey {
  readonly generation: number;
  readonly thumbprint: string;
}

export type InstallResult =
  | {
      readonly ok: true;
      readonly isNew: boolean;
      readonly list: RevocationList;
      /**
       * Resolves when the list is on disk. Rejects with KeyError ERR_KEY_FILE_IO; it is then in force until the broker
       * ends.
       */
      readonly written: Promise<void>;
    }
  | { readonly ok: false; readonly reason: 'NOT_A_LIST' | 'OLDER'; readonly message: string };

export class RevocationStore {
  readonly #files: IdentityLayout;
  readonly #anchor: TrustAnchor;
  readonly #holders: Map<string, NewestKey>;
  #list: RevocationList;
  /** The signed form of `#list`; null while there is none. */
  #signedList: string | null;
  /** Serial of the list on disk. The stored "seen" serial must never name a list that a crash can lose. */
  #writtenSerial: number;
  /** The highest serial that a credential or a list has named. */
  #knownSerial: number;
  /** The running write. Writes run one after the other. */
  #writing: Promise<void> = Promise.resolve();
  /** A write of the file `seen` that has not begun yet. */
  #waiting: Promise<void> | null = null;

  private constructor(
    files: IdentityLayout,
    anchor: TrustAnchor,
    list: RevocationList,
    signedList: string | null,
    seen: z.output<typeof seenFile>,
  ) {
    this.#files = files;
    this.#anchor = anchor;
    this.#list = list;
    this.#signedList = signedList;
    this.#writtenSerial = list.serial;
    this.#holders = new Map(Object.entries(seen.holders));
    this.#knownSerial = Math.max(seen.serial, list.serial);
  }

  /**
   * @param own the broker's credential
   * @throws KeyError ERR_KEY_REVOCATIONS when the list is missing, outdated, or not this authority's; ERR_KEY_FILE_…
   */
  static async open(dir: string, anchor: TrustAnchor, own: Credential): Promise<RevocationStore> {
    const files = identityLayout(dir);
    const seen = await readSeen(files.seen, anchor);
    const signed = await readList(files.revocations, anchor);
    const list = signed?.list ?? emptyRevocationList(anchor.thumbprint);
    const expected = Math.max(seen.serial, own.revocationSerial);
    if (list.serial < expected)
      throw new KeyError(
        'ERR_KEY_REVOCATIONS',
        `the revocation list "${files.revocations}" ${list.serial === 0 ? 'is missing' : `has the serial ${list.serial}`}, but number ${expected} was seen already; copy the newest revocations.jws of the authority there`,
      );
    return new RevocationStore(files, anchor, list, signed?.jws ?? null, seen);
  }

  get list(): RevocationList {
    return this.#list;
  }

  /** The list as the authority signed it; null while there is none. */
  get signedList(): string | null {
    return this.#signedList;
  }

  /** The newest key of each holder that has had a session. */
  holders(): readonly { readonly holder: string; readonly generation: number; readonly thumbprint: string }[] {
    return [...this.#holders].map(([holder, newest]) => ({ holder, ...newest }));
  }

  /** True when some credential was issued under a newer list than the one here. */
  get isStale(): boolean {
    return this.#knownSerial > this.#list.serial;
  }

  /**
   * Installs a newer list. It is in force when this resolves, before it is on disk: a full disk must not keep a stolen
   * key valid.
   *
   * @param jws from a person or another broker
   */
  async install(jws: string): Promise<InstallResult> {
    const list = await verifyRevocationList(jws.trim(), this.#anchor);
    if (list === null)
      return { ok: false, reason: 'NOT_A_LIST', message: 'not a revocation list that this broker’s authority signed' };
    if (list.serial < this.#list.serial)
      return {
        ok: false,
        reason: 'OLDER',
        message: `list ${list.serial} is older than number ${this.#list.serial}, which is in force`,
      };
    if (list.serial === this.#list.serial) return { ok: true, isNew: false, list: this.#list, written: this.#writing };
    // There is no await since the comparison. So if two lists come at the same time, the newer one stays.
    this.#list = list;
    this.#signedList = jws.trim();
    this.#knownSerial = Math.max(this.#knownSerial, list.serial);
    const written = this.#write(async () => {
      await replaceKeyFile(this.#files.revocations, `${jws.trim()}\n`, PUBLIC_FILE_MODE);
      this.#writtenSerial = list.serial;
      await this.#writeSeen();
    });
    written.catch(() => undefined); // the caller may handle it later
    return { ok: true, isNew: true, list, written };
  }

  /** @param now milliseconds, as of Date.now() @returns null when there is no reason to refuse the key */
  judge(credential: Credential, now: number): KeyRefusal | null {
    this.#knownSerial = Math.max(this.#knownSerial, credential.revocationSerial);
    if (findRevocation(this.#list, credential, Math.floor(now / 1000)) !== null) return 'REVOKED';
    const newest = this.#holders.get(holderOf(credential));
    if (newest === undefined || credential.generation > newest.generation) return null;
    if (credential.generation < newest.generation) return 'OLD_KEY';
    return credential.thumbprint === newest.thumbprint ? null : 'SECOND_KEY';
  }

  /** True for a key that the list names. For signatures that carry no credential. @param now milliseconds */
  revokes(thumbprint: string, now: number): boolean {
    return revokesKey(this.#list, thumbprint, Math.floor(now / 1000));
  }

  /**
   * The holder has proved the key. From now on older keys are refused, also after a restart.
   *
   * @returns when it is on disk. Rejects with KeyError ERR_KEY_FILE_IO; the key is then remembered until the broker ends.
   */
  async noteProven(credential: Credential): Promise<void> {
    const { generation, thumbprint } = credential;
    const holder = holderOf(credential);
    const newest = this.#holders.get(holder);
    if (generation === 0 || (newest !== undefined && newest.generation >= generation)) return;
    this.#holders.set(holder, { generation, thumbprint });
    await this.#seenSoon();
  }

  /** One write stores all keys that are noted before it begins. After a start all domains connect at the same time. */
  #seenSoon(): Promise<void> {
    this.#waiting ??= this.#write(() => {
      this.#waiting = null;
      return this.#writeSeen();
    });
    return this.#waiting;
  }

  #writeSeen(): Promise<void> {
    const seen = {
      issuer: this.#anchor.thumbprint,
      serial: this.#writtenSerial,
      holders: Object.fromEntries(this.#holders),
    };
    return replaceKeyFile(this.#files.seen, `${JSON.stringify(seen)}\n`, PRIVATE_FILE_MODE);
  }

  #write(task: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(task);
    this.#writing = done.catch(() => undefined); // the caller gets the error from `done`; the next write is tried anyway
    return done;
  }
}

function holderOf({ role, name }: Credential): string {
  return `${role}/${name}`;
}

/** @throws KeyError ERR_KEY_REVOCATIONS */
async function readList(
  path: string,
  anchor: TrustAnchor,
): Promise<{ readonly list: RevocationList; readonly jws: string } | null> {
  if (!(await isPresent(path))) return null;
  const jws = (await readKeyFile(path, 'public', '', MAX_REVOCATION_LIST_CHARACTERS)).trim();
  const list = await verifyRevocationList(jws, anchor, true);
  if (list === null)
    throw new KeyError(
      'ERR_KEY_REVOCATIONS',
      `"${path}" is not a revocation list of the authority ${anchor.thumbprint}; copy the authority’s revocations.jws there`,
    );
  return { list, jws };
}

/** Ignores the stored state of another authority. The state from before a rotation of this authority stays. */
async function readSeen(
  path: string,
  { thumbprint: issuer, predecessor }: TrustAnchor,
): Promise<z.output<typeof seenFile>> {
  const nothing = { issuer, serial: 0, holders: {} };
  if (!(await isPresent(path))) return nothing;
  const text = await readKeyFile(path, 'private', '', MAX_REGISTER_BYTES);
  const parsed = seenFile.safeParse(parseJson(text));
  if (!parsed.success)
    throw new KeyError(
      'ERR_KEY_REVOCATIONS',
      `"${path}" cannot be read; it says which keys were seen: restore it from a backup, or remove it and accept that old keys are refused only by the list`,
    );
  const isOurs = parsed.data.issuer === issuer || parsed.data.issuer === predecessor?.thumbprint;
  return isOurs ? parsed.data : nothing;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
