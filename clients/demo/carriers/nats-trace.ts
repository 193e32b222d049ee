/**
 * Reads the trace of nats-server: with -V it writes one line per operation of a client, and one line with the payload,
 * quoted as Go's %q quotes.
 *
 *   [1] 2026/01/01 12:00:00.000000 [TRC] 127.0.0.1:50000 - cid:5 - "name" - <<- [PUB argus.host.up.chrome-vm 5]
 *   [1] 2026/01/01 12:00:00.000000 [TRC] 127.0.0.1:50000 - cid:5 - "name" - <<- MSG_PAYLOAD: ["a\x00\n\"é"]
 */

export interface Published {
  readonly subject: string;
  readonly payload: Uint8Array;
}

const OPERATION = /- cid:(\d+) .*?- <<- (?:\[PUB (\S+) (\d+)\]|MSG_PAYLOAD: \["(.*)"\])$/;
/** Escapes of Go's strconv.Quote: characters that do not print, and bytes that are not UTF-8. */
const ESCAPED = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g;
const LETTERS: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

export class Trace {
  readonly #onPublished: (message: Published) => void;
  readonly #announced = new Map<string, { readonly subject: string; readonly size: number }>();
  /** Messages whose unquoted text has the wrong length, because the server quotes in another way. */
  unreadable = 0;

  constructor(onPublished: (message: Published) => void) {
    this.#onPublished = onPublished;
  }

  /** Takes one line of the server's log; lines that do not trace a message are skipped. */
  push(line: string): void {
    const [, client = '', subject, size, quoted] = OPERATION.exec(line) ?? [];
    if (subject !== undefined) this.#announced.set(client, { subject, size: Number(size) });
    if (quoted === undefined) return;
    const announced = this.#announced.get(client);
    this.#announced.delete(client);
    const payload = unquote(quoted);
    if (payload.length === announced?.size) this.#onPublished({ subject: announced.subject, payload });
    else this.unreadable++;
  }
}

export function unquote(quoted: string): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const match of quoted.matchAll(ESCAPED)) {
    const [escaped, byte, short, long, letter = ''] = match;
    if (match.index > at) parts.push(Buffer.from(quoted.slice(at, match.index)));
    if (byte !== undefined) parts.push(Buffer.of(Number.parseInt(byte, 16)));
    else if (short !== undefined || long !== undefined)
      parts.push(Buffer.from(String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16))));
    else parts.push(Buffer.from(Object.hasOwn(LETTERS, letter) ? (LETTERS[letter] ?? '') : letter));
    at = match.index + escaped.length;
  }
  parts.push(Buffer.from(quoted.slice(at)));
  return Buffer.concat(parts);
}
