/**
 * The line format and the chain: `{"seq":N,BODY,"prev":"HASH","sum":"HASH"}`. Pure.
 *
 * `prev` binds a line to all lines before it, across segments. It is the RFC 6962 leaf hash of the previous line, so
 * one hash serves the chain and the tree. `sum` covers the line itself, because no later line binds the newest one yet:
 * it tells a damaged line from a whole one. Neither stops an attacker who edits a line and rewrites everything after
 * it. A signed checkpoint or a remembered head does (verify/).
 */
import { isAscii } from 'node:buffer';
import { hash } from 'node:crypto';
import type { Body } from './body.ts';
import { leafHash } from './evidence/index.ts';
import { areHexDigits, isHexOf } from './hex.ts';
import { MAX_LINE_BYTES, SUM_HEX_DIGITS } from './limits.ts';
import { HASH_BYTES, nodeSha256, type Sha256 } from './sha256.ts';

/**
 * Controls, invisible formatting and bidirectional marks: valid inside JSON strings, yet a terminal may act on them.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** The body as written in the line, without the outer braces. It never holds a raw newline: JSON escapes it. */
export function encodeBody(body: Body): string {
  const json = stringify(body);
  if (Buffer.byteLength(json) <= MAX_LINE_BYTES - FRAME_BYTES) return json;
  return stringify({ ...body, detail: { omittedBytes: Buffer.byteLength(JSON.stringify(body.detail) ?? '') } });
}

/** Upper bound of the bytes that frame a body in its line. */
const FRAME_BYTES = 256;

function stringify(body: Body): string {
  return escapeUnsafe(JSON.stringify(body)).slice(1, -1);
}

/**
 * Writes each character that a terminal may act on as `\uXXXX`. Inside JSON strings that has the same meaning;
 * elsewhere it is harmless.
 */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, escapeUnits);
}

/** A character outside the BMP is two UTF-16 units, so it becomes two escapes. */
function escapeUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

/** One line without its newline. */
export function encodeLine(seq: number, body: string, prev: string): string {
  const summed = `{"seq":${seq},${body},"prev":"${prev}"`;
  return `${summed},"sum":"${sum(summed)}"}`;
}

/** SHA-256, hex, of a zero byte and a line's exact bytes: the next line's `prev`, and the line's leaf in the tree. */
export const hashLine: (line: string | Uint8Array) => string = leafHash;

function sum(summed: string | Uint8Array): string {
  return hash('sha256', summed, 'hex').slice(0, SUM_HEX_DIGITS);
}

/** `,"sum":"` + digits + `"}` */
const SUM_BYTES = 8 + SUM_HEX_DIGITS + 2;

/** Why a line is not a record. */
export type LineFault = 'BAD_JSON' | 'BAD_FIELDS' | 'BAD_SUM';

/** The fields that a reader needs from any record. `fields` has the others, unchecked. */
export interface ParsedLine {
  readonly seq: number;
  readonly prev: string;
  readonly event: string;
  readonly fields: { readonly [key: string]: unknown };
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Nearly all lines are ASCII, which needs no decoder: that is a quarter of the time of `parseLine`. */
function textOf(bytes: Uint8Array): string {
  return isAscii(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    : STRICT_UTF8.decode(bytes);
}

/** Reads one line (without newline). Never throws, whatever the bytes. */
export function parseLine(bytes: Uint8Array): ParsedLine | LineFault {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes));
  } catch {
    return 'BAD_JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'BAD_FIELDS';
  const fields = value as { readonly [key: string]: unknown };
  const { seq, prev, event } = fields;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return 'BAD_FIELDS';
  if (typeof prev !== 'string' || !/^[0-9a-f]{64}$/.test(prev) || typeof event !== 'string') return 'BAD_FIELDS';
  if (bytes.length <= SUM_BYTES || fields.sum !== sum(bytes.subarray(0, bytes.length - SUM_BYTES))) return 'BAD_SUM';
  return { seq, prev, event, fields };
}

const PREV_KEY = Buffer.from(',"prev":"');
const SUM_KEY = Buffer.from('","sum":"');
const LINE_END = Buffer.from('"}');
const HASH_DIGITS = 64;
const SUM_AT = SUM_HEX_DIGITS + LINE_END.length;
const PREV_AT = SUM_AT + SUM_KEY.length + HASH_DIGITS;

const summed = new Uint8Array(HASH_BYTES);

/**
 * For a reader that does not parse the line: where its body ends, if it ends as a broker writes it and has the right
 * `sum`. Otherwise -1, and `parseLine` says what is wrong.
 */
export function bodyEnd(bytes: Uint8Array, sha256: Sha256 = nodeSha256): number {
  const { length } = bytes;
  const end = length - PREV_AT - PREV_KEY.length;
  if (end < 1 || !isAt(bytes, end, PREV_KEY) || !isAt(bytes, length - SUM_AT - SUM_KEY.length, SUM_KEY)) return -1;
  if (!isAt(bytes, length - LINE_END.length, LINE_END)) return -1;
  if (!areHexDigits(bytes, length - PREV_AT, length - PREV_AT + HASH_DIGITS)) return -1;
  sha256.digest(bytes, 0, length - SUM_BYTES, summed, 0);
  return isHexOf(bytes, length - SUM_AT, summed, 0, SUM_HEX_DIGITS / 2) ? end : -1;
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}
