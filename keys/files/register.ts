/**
 * The register of an authority: one JSON line per credential and per revocation, in the order in which they were
 * signed.
 *
 * It is the source of generations and revocations. The list for brokers is made from it, so a lost or outdated list is
 * complete again after the next signature.
 */
import * as z from 'zod';
import { CLOCK_TOLERANCE_SECONDS, MAX_REGISTER_BYTES, MAX_REGISTER_CLAIM } from '../base/index.ts';
import {
  type Credential,
  ISSUE_CAUSES,
  type IssueCause,
  type RegisterEntry,
  type Revocation,
  type RevocationList,
  ROLES,
  type Role,
} from '../credential/index.ts';
import { appendRegisterLine, isPresent, readKeyFile } from './key-files.ts';

const issued = z.object({
  jti: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  thumbprint: z.string(),
  /** Absent in registers that are older than generations. */
  gen: z.int().nonnegative().default(0),
  iat: z.int(),
  exp: z.int(),
  /** These are absent in older registers. */
  by: z.string().optional(),
  cause: z.enum(ISSUE_CAUSES).default('ISSUED'),
  requested: z.int().optional(),
});
const terms = { reason: z.string(), at: z.int(), until: z.int().nullable() };
const revoked = z.object({
  serial: z.int().positive(),
  iat: z.int(),
  by: z.string().optional(),
  revoked: z.discriminatedUnion('target', [
    z.object({ target: z.literal('key'), thumbprint: z.string(), ...terms }),
    z.object({ target: z.literal('holder'), role: z.enum(ROLES), name: z.string(), generation: z.int(), ...terms }),
  ]),
});

/** A credential in the register. Times are seconds since 1970-01-01 UTC. */
export type RegisteredCredential = Readonly<z.output<typeof issued>>;

/** How a credential came to be, for the register. */
export interface IssueCircumstances {
  readonly by: string | null;
  readonly cause: IssueCause;
  /** When the holder signed its request, seconds; null: there was none. */
  readonly requestedAt: number | null;
}

export class Register {
  readonly #path: string;
  readonly #credentials: RegisteredCredential[] = [];
  readonly #revocations: Revocation[] = [];
  readonly #entries: RegisterEntry[] = [];
  #serial = 0;
  #revisedAt = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Skips a line that a crash left incomplete: its credential was never returned. @throws KeyError ERR_KEY_FILE_… */
  static async read(path: string): Promise<Register> {
    const register = new Register(path);
    if (!(await isPresent(path))) return register;
    const text = await readKeyFile(path, 'private', 'it was just there', MAX_REGISTER_BYTES);
    for (const line of text.split('\n')) register.#take(parseLine(line));
    return register;
  }

  get credentials(): readonly RegisteredCredential[] {
    return this.#credentials;
  }

  /** All that was issued and revoked, oldest first. */
  get entries(): readonly RegisterEntry[] {
    return this.#entries;
  }

  get serial(): number {
    return this.#serial;
  }

  /** The newest key of a holder: the last signed credential of the highest generation. */
  newestOf(role: Role, name: string): RegisteredCredential | null {
    const own = this.#credentials.filter((each) => each.role === role && each.name === name);
    const generation = Math.max(...own.map((each) => each.gen));
    return own.findLast((each) => each.gen === generation) ?? null;
  }

  /** On disk when this returns. */
  async addCredential(credential: Credential, { by, cause, requestedAt }: IssueCircumstances): Promise<void> {
    const { jti, name, role, thumbprint, generation, issuedAt, expiresAt } = credential;
    const requested = requestedAt === null ? {} : { requested: requestedAt };
    const line = { jti, name, role, thumbprint, gen: generation, iat: issuedAt, exp: expiresAt };
    await this.#append({ ...line, cause, ...requested, ...claimed(by) });
  }

  /** On disk when this returns. */
  async addRevocation(revocation: Revocation, now: number, by: string | null): Promise<void> {
    await this.#append({ serial: this.#serial + 1, iat: now, revoked: revocation, ...claimed(by) });
  }

  /** Omits entries that revoke only expired credentials. */
  listFor(issuer: string, now: number): RevocationList {
    const entries = this.#revocations.filter((entry) => !this.#isMoot(entry, now));
    return { issuer, serial: this.#serial, issuedAt: this.#revisedAt, entries };
  }

  #isMoot(entry: Revocation, now: number): boolean {
    const isOver = (time: number): boolean => time + CLOCK_TOLERANCE_SECONDS < now;
    if (entry.until !== null && isOver(entry.until)) return true;
    const hit = this.#credentials.filter((each) =>
      entry.target === 'key'
        ? each.thumbprint === entry.thumbprint
        : each.name === entry.name && each.role === entry.role && each.gen <= entry.generation,
    );
    return hit.length > 0 && hit.every((each) => isOver(each.exp));
  }

  async #append(line: object): Promise<void> {
    const text = JSON.stringify(line);
    await appendRegisterLine(this.#path, text);
    this.#take(parseLine(text));
  }

  #take(value: unknown): void {
    const credential = issued.safeParse(value);
    if (credential.success) {
      this.#credentials.push(credential.data);
      this.#entries.push(issueEntry(credential.data));
    }
    const revocation = revoked.safeParse(value);
    if (!revocation.success) return;
    this.#revocations.push(revocation.data.revoked);
    this.#entries.push(revokeEntry(revocation.data));
    this.#serial = Math.max(this.#serial, revocation.data.serial);
    this.#revisedAt = revocation.data.iat;
  }
}

function claimed(by: string | null): { readonly by?: string } {
  return by === null ? {} : { by: by.slice(0, MAX_REGISTER_CLAIM) };
}

function issueEntry({ jti, by, cause, requested, iat, exp, gen, ...who }: RegisteredCredential): RegisterEntry {
  const { role, name, thumbprint } = who;
  return {
    kind: 'issue',
    id: jti,
    at: iat,
    by: by ?? null,
    cause,
    role,
    name,
    thumbprint,
    generation: gen,
    until: exp,
    requestedAt: requested ?? null,
  };
}

function revokeEntry({ serial, iat, by, revoked: entry }: z.output<typeof revoked>): RegisterEntry {
  const target = entry.target === 'key' ? { role: null, name: null, generation: null } : entry;
  return {
    kind: 'revoke',
    // A register that was put back counts its serials again, so the time belongs to it.
    id: `${serial}.${iat}`,
    at: iat,
    by: by ?? null,
    serial,
    reason: entry.reason,
    from: entry.at,
    until: entry.until,
    thumbprint: entry.target === 'key' ? entry.thumbprint : null,
    role: target.role,
    name: target.name,
    generation: target.generation,
  };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
