/**
 * The opening line of a local connection, in words that any language can print:
 *
 *   recv PORT PARTNER LENGTH        a ring; PARTNER is a domain's name or `any`, LENGTH its bytes
 *   send DOMAIN PORT TYPE DEADLINE  messages to one ring; DEADLINE in ms to wait for room, 0 = not at all
 *
 * The answer is `ok` or `error CODE reason`, one line. What follows is in message-frame.ts.
 */
import { MAX_DEADLINE_MS } from './limits.ts';

export type LocalRequest =
  | { readonly kind: 'recv'; readonly port: number; readonly partner: string; readonly length: number }
  | {
      readonly kind: 'send';
      readonly domain: string;
      readonly port: number;
      readonly type: number;
      readonly deadlineMs: number;
    };

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The request, or what is wrong with it. */
export function parseRequest(line: string): LocalRequest | string {
  const [verb, ...words] = line.split(' ');
  if (verb === 'recv') return parseRecv(words);
  if (verb === 'send') return parseSend(words);
  return 'expected "recv PORT PARTNER LENGTH" or "send DOMAIN PORT TYPE DEADLINE"';
}

export function formatRequest(request: LocalRequest): string {
  return request.kind === 'recv'
    ? `recv ${request.port} ${request.partner} ${request.length}\n`
    : `send ${request.domain} ${request.port} ${request.type} ${request.deadlineMs}\n`;
}

function parseRecv(words: readonly string[]): LocalRequest | string {
  const [portWord, partner = '', lengthWord] = words;
  const port = u32(portWord);
  const length = u32(lengthWord);
  if (words.length !== 3) return 'expected "recv PORT PARTNER LENGTH"';
  if (port === null || length === null) return 'PORT and LENGTH are decimal numbers of 0 … 4294967295';
  if (!NAME.test(partner)) return 'PARTNER is the name of a domain, or "any"';
  return { kind: 'recv', port, partner, length };
}

function parseSend(words: readonly string[]): LocalRequest | string {
  const [domain = '', portWord, typeWord, deadlineWord] = words;
  const port = u32(portWord);
  const type = u32(typeWord);
  const deadlineMs = u32(deadlineWord);
  if (words.length !== 4) return 'expected "send DOMAIN PORT TYPE DEADLINE"';
  if (port === null || type === null) return 'PORT and TYPE are decimal numbers of 0 … 4294967295';
  if (deadlineMs === null || deadlineMs > MAX_DEADLINE_MS) return `DEADLINE is 0 … ${MAX_DEADLINE_MS} ms`;
  if (!NAME.test(domain)) return 'DOMAIN is the name of a domain';
  return { kind: 'send', domain, port, type, deadlineMs };
}

function u32(word: string | undefined): number | null {
  if (word === undefined || !/^(0|[1-9]\d{0,9})$/.test(word)) return null;
  const value = Number(word);
  return value <= 0xffff_ffff ? value : null;
}
