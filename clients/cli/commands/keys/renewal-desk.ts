/** Answers the requests of domains for a new credential, one after the other: the register has one writer. */
import { type Authority, KeyError, type RenewalResult, renewCredential } from '../../../../keys/index.ts';

export interface RenewalAnswer {
  /** The message for the domain: `credential`, or `reason`. */
  readonly reply: Uint8Array;
  /** What was done, for the operator. */
  readonly said: {
    readonly event: 'renewed' | 'refused';
    readonly domain: string;
    readonly reason: string | null;
    /** Seconds since 1970-01-01 UTC. */
    readonly expiresAt: number | null;
  };
}

export class RenewalDesk {
  readonly #authority: Authority;
  readonly #wallClock: () => number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(authority: Authority, wallClock: () => number) {
    this.#authority = authority;
    this.#wallClock = wallClock;
  }

  /**
   * @param domain as the broker has authenticated it
   * @param payload from that domain; valid only during this call. Never rejects
   */
  answer(domain: string, payload: Uint8Array): Promise<RenewalAnswer> {
    const asked = parse(payload);
    const answered = this.#last.then(() => this.#renew(domain, asked));
    this.#last = answered;
    return answered;
  }

  async #renew(
    domain: string,
    asked: { readonly credential?: unknown; readonly key?: unknown },
  ): Promise<RenewalAnswer> {
    if (typeof asked.credential !== 'string') return refusal(domain, 'NOT_A_REQUEST');
    const request = { name: domain, credentialJwt: asked.credential, publicJwk: asked.key };
    let result: RenewalResult;
    try {
      result = await renewCredential(this.#authority, request, this.#wallClock());
    } catch (error) {
      // The register cannot be written: the domain asks again, and the operator sees the code.
      if (error instanceof KeyError) return refusal(domain, error.code);
      throw error;
    }
    if (!result.ok) return refusal(domain, result.reason);
    const { credentialJwt, credential } = result;
    const said = { event: 'renewed', domain, reason: null, expiresAt: credential.expiresAt } as const;
    return { reply: bytes({ credential: credentialJwt }), said };
  }
}

function refusal(domain: string, reason: string): RenewalAnswer {
  return { reply: bytes({ reason }), said: { event: 'refused', domain, reason, expiresAt: null } };
}

function parse(payload: Uint8Array): { readonly credential?: unknown; readonly key?: unknown } {
  try {
    return Object(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    return {};
  }
}

function bytes(reply: object): Uint8Array {
  return Buffer.from(JSON.stringify(reply));
}
