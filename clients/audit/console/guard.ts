/**
 * Who may ask the console: the one browser that was given the printed URL. Pure.
 *
 * The token in the URL serves once and becomes a cookie that no script can read. A page of another site can neither send
 * the cookie (SameSite=Strict) nor reach the server under another name (Host is compared, against DNS rebinding).
 *
 * To change something takes more: a browser sends a cookie of 127.0.0.1 to every port of it, so the page also gets a
 * secret in the fragment of its address, which no server is told, and sends it back in a header.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const SECRET_BYTES = 32;
const COOKIE = 'argus-console';
const WRITE_HEADER = 'x-argus-write';

/** The headers of every answer. No inline script or style, no content from other hosts, no frame of another page. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

export type RequestVerdict =
  /** Has the cookie. */
  | 'admitted'
  /** Brought the token for the first time: give it the cookie. */
  | 'welcomed'
  | 'refused';

export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #cookie = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #writeToken = randomBytes(SECRET_BYTES).toString('base64url');
  #token: string | null = randomBytes(SECRET_BYTES).toString('base64url');

  /** @param hosts what the Host header may be */
  constructor(hosts: readonly string[]) {
    this.#hosts = new Set(hosts);
  }

  /** For the URL; null once it has been used. */
  get token(): string | null {
    return this.#token;
  }

  get setCookie(): string {
    return `${COOKIE}=${this.#cookie}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** Where the welcomed browser goes on. */
  get landing(): string {
    return `/#write=${this.#writeToken}`;
  }

  admit(headers: IncomingHttpHeaders, token: string | null): RequestVerdict {
    if (!this.#hosts.has(headers.host ?? '')) return 'refused';
    if (headers.origin !== undefined && !this.#hosts.has(headers.origin.replace(/^http:\/\//, ''))) return 'refused';
    const site = headers['sec-fetch-site'];
    if (token !== null && this.#token !== null && isSame(token, this.#token)) {
      this.#token = null;
      return 'welcomed';
    }
    // A link from another site may open the page with the token, and nothing else.
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'refused';
    return isSame(cookieOf(headers.cookie), this.#cookie) ? 'admitted' : 'refused';
  }

  /** Of an admitted request that would change something: does it come from the page itself? */
  mayWrite(headers: IncomingHttpHeaders): boolean {
    // A form of another site can send neither this type nor this header without being asked for permission first.
    if (headers['content-type'] !== 'application/json') return false;
    // Every browser names the origin of a POST: a request without one is of no page.
    if (headers.origin === undefined) return false;
    return isSame(String(headers[WRITE_HEADER] ?? ''), this.#writeToken);
  }
}

function cookieOf(header: string | undefined): string {
  for (const pair of (header ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    if (name === COOKIE) return value;
  }
  return '';
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
