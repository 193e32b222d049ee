/**
 * The broker's own identity. A renewed credential and a rotated key are taken over while the broker runs: the next
 * handshake uses them. Sessions that are up stay, because their keys do not depend on the holder's key.
 */
import type { Credential, Identity, PublicJwk, Role, TrustAnchor } from '../../keys/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { Clock } from '../base/index.ts';
import { IDENTITY_CHECK_MS, type Logger } from '../process/index.ts';

/** Where the identity comes from. */
export interface IdentitySource {
  /** True when there is another credential than this one. */
  isReplaced(credentialJwt: string): Promise<boolean>;
  load(): Promise<Identity>;
}

export class OwnIdentity implements Identity {
  readonly name: string;
  readonly role: Role;
  readonly #source: IdentitySource;
  readonly #audit: Pick<AuditLog, 'record'>;
  readonly #log: Pick<Logger, 'info' | 'error'>;
  readonly #clock: Clock;
  #current: Identity;
  #cancel: () => void;
  #isClosed = false;

  constructor(
    current: Identity,
    source: IdentitySource,
    audit: Pick<AuditLog, 'record'>,
    log: Pick<Logger, 'info' | 'error'>,
    clock: Clock,
  ) {
    this.name = current.name;
    this.role = current.role;
    this.#current = current;
    this.#source = source;
    this.#audit = audit;
    this.#log = log;
    this.#clock = clock;
    this.#cancel = this.#later();
  }

  get thumbprint(): string {
    return this.#current.thumbprint;
  }

  get publicJwk(): PublicJwk {
    return this.#current.publicJwk;
  }

  get credentialJwt(): string {
    return this.#current.credentialJwt;
  }

  get credential(): Credential {
    return this.#current.credential;
  }

  get authority(): TrustAnchor {
    return this.#current.authority;
  }

  signStatement(typ: string, claims: object): Promise<string> {
    return this.#current.signStatement(typ, claims);
  }

  signNote(text: string): Promise<Uint8Array> {
    return this.#current.signNote(text);
  }

  /** Looks for another credential at once. Never rejects: with a broken directory the broker keeps what it has. */
  async refresh(): Promise<void> {
    try {
      if (!(await this.#source.isReplaced(this.#current.credentialJwt))) return;
      const next = await this.#source.load();
      if (this.#isClosed) return;
      if (next.name !== this.name || next.role !== this.role) {
        this.#log.error({ name: next.name, role: next.role }, 'the identity directory holds another holder: not used');
        return;
      }
      this.#current = next;
      const { thumbprint: key, jti, generation, expiresAt } = next.credential;
      this.#audit.record({
        event: 'key.own',
        reason: 'REPLACED',
        detail: { key, credential: jti, generation, expiresAt },
      });
      this.#log.info({ generation }, 'the broker has a new credential');
    } catch (error) {
      this.#log.error({ err: error }, 'the new credential of the broker cannot be used; it keeps the one it has');
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #later(): () => void {
    return this.#clock.after(IDENTITY_CHECK_MS, () => {
      void this.refresh().then(() => {
        if (!this.#isClosed) this.#cancel = this.#later();
      });
    });
  }
}
