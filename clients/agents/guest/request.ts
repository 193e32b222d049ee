/**
 * The opening line of a local connection, in words that any language can print:
 *
 *   recv PORT PARTNER LENGTH [until-gone]
 *                                   a ring; PARTNER is a domain's name or `any`, LENGTH its bytes; with `until-gone` the
 *                                   connection ends when PARTNER's session has ended and its messages are written
 *   send DOMAIN PORT TYPE DEADLINE [FROM]
 *                                   messages to one ring; DEADLINE in ms for each, 0 = no waiting for room;
 *                                   FROM is a port that this machine has a ring at, for replies
 *   notify DOMAIN PORT BYTES        is there room for BYTES? One line, and the end
 *   events                          lines about this machine's session as they happen
 *   session                         frames of a session of one's own follow: what the SDK uses (share/)
 *
 * The answer is `ok` or `error CODE reason`, one line. What follows is in message-frame.ts; behind the `ok` of `notify`
 * stands the state of the ring in words.
 */
import { MAX_DEADLINE_MS } from './limits.ts';

export type LocalRequest =
  | {
      readonly kind: 'recv';
      readonly port: number;
      readonly partner: string;
      readonly length: number;
      /** The connection ends with the partner's session. */
      readonly untilGone: boolean;
    }
  | {
      readonly kind: 'send';
      readonly domain: string;
      readonly port: number;
      readonly type: number;
      readonly deadlineMs: number;
      /** Source port; 0 = none. */
      readonly from: number;
    }
  | { readonly kind: 'session' }
  | { readonly kind: 'events' }
  | { readonly kind: 'notify'; readonly domain: string; readonly port: number; readonly bytes: number };

const RECV_FORM = 'recv PORT PARTNER LENGTH [until-gone]';
const SEND_FORM = 'send DOMAIN PORT TYPE DEADLINE [FROM]';
const NOTIFY_FORM = 'notify DOMAIN PORT BYTES';
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The request, or its fault. */
export function parseRequest(line: string): LocalRequest | string {
  const [verb, ...words] = line.split(' ');
  if (verb === 'recv') return parseRecv(words);
  if (verb === 'send') return parseSend(words);
  if (verb === 'notify') return parseNotify(words);
  if (line === 'session' || line === 'events') return { kind: line };
  return `expected "${RECV_FORM}", "${SEND_FORM}", "${NOTIFY_FORM}", "events" or "session"`;
}

export function formatRequest(request: LocalRequest): string {
  switch (request.kind) {
    case 'recv':
      return `recv ${request.port} ${request.partner} ${request.length}${request.untilGone ? ' until-gone' : ''}\n`;
    case 'send': {
      const { domain, port, type, deadlineMs, from } = request;
      return `send ${domain} ${port} ${type} ${deadlineMs}${from === 0 ? '' : ` ${from}`}\n`;
    }
    case 'session':
    case 'events':
      return `${request.kind}\n`;
    case 'notify':
      return `notify ${request.domain} ${request.port} ${request.bytes}\n`;
  }
}

function parseRecv(words: readonly string[]): LocalRequest | string {
  const [portWord, partner = '', lengthWord, endWord] = words;
  const port = u32(portWord);
  const length = u32(lengthWord);
  const untilGone = endWord === 'until-gone';
  if (words.length !== (untilGone ? 4 : 3)) return `expected "${RECV_FORM}"`;
  if (port === null || length === null) return 'PORT and LENGTH are decimal numbers of 0 … 4294967295';
  if (!NAME.test(partner)) return 'PARTNER is the name of a domain, or "any"';
  if (untilGone && partner === 'any') return '"until-gone" needs the name of one domain';
  return { kind: 'recv', port, partner, length, untilGone };
}

function parseSend(words: readonly string[]): LocalRequest | string {
  const [domain = '', portWord, typeWord, deadlineWord, fromWord = '0'] = words;
  const port = u32(portWord);
  const type = u32(typeWord);
  const deadlineMs = u32(deadlineWord);
  const from = u32(fromWord);
  if (words.length !== 4 && words.length !== 5) return `expected "${SEND_FORM}"`;
  if (port === null || type === null || from === null)
    return 'PORT, TYPE and FROM are decimal numbers of 0 … 4294967295';
  if (deadlineMs === null || deadlineMs > MAX_DEADLINE_MS) return `DEADLINE is 0 … ${MAX_DEADLINE_MS} ms`;
  if (!NAME.test(domain)) return 'DOMAIN is the name of a domain';
  return { kind: 'send', domain, port, type, deadlineMs, from };
}

function parseNotify(words: readonly string[]): LocalRequest | string {
  const [domain = '', portWord, bytesWord] = words;
  const port = u32(portWord);
  const bytes = u32(bytesWord);
  if (words.length !== 3) return `expected "${NOTIFY_FORM}"`;
  if (port === null || bytes === null) return 'PORT and BYTES are decimal numbers of 0 … 4294967295';
  if (!NAME.test(domain)) return 'DOMAIN is the name of a domain';
  return { kind: 'notify', domain, port, bytes };
}

function u32(word: string | undefined): number | null {
  if (word === undefined || !/^(0|[1-9]\d{0,9})$/.test(word)) return null;
  const value = Number(word);
  return value <= 0xffff_ffff ? value : null;
}
