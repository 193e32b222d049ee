/**
 * Who may ask the console: the one browser that was given the printed URL. Pure.
 *
 * The token in the URL serves once and becomes a cookie that no script can read. A page of another site can neither send
 * the cookie (SameSite=Strict) nor reach the server under another name (Host is compared, against DNS rebinding).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const SECRET_BYTES = 32;
const COOKIE = 'argus-console';

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
