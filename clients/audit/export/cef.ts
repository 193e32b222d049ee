/** A record as a line of ArcSight's Common Event Format, version 0. */
import { escapeUnsafe, type ParsedLine } from '../../../broker/audit/index.ts';
import { member } from '../query/index.ts';

/** Of the record's format: the log does not depend on the version of the program that reads it. */
const FORMAT_VERSION = '1';
/** By the last letter of a code: information, refused or irregular, an operator must look. 0 to 10. */
const SEVERITY: ReadonlyMap<string, number> = new Map([
  ['I', 2],
  ['W', 5],
  ['E', 8],
]);

export function cefLine({ seq, event, fields }: ParsedLine): string {
  const code = text(fields.code) ?? 'A0000I';
  const header = ['Argus', 'argus-broker', FORMAT_VERSION, code, event, SEVERITY.get(code.slice(-1)) ?? 2];
  const rule = fields.rule;
  const extension: readonly (readonly [key: string, value: unknown])[] = [
    ['rt', Date.parse(text(fields.time) ?? '') || undefined],
    ['externalId', seq],
    ['dvchost', fields.broker],
    ['act', fields.decision],
    ['reason', fields.reason],
    ['shost', member(fields.src, 'domain')],
    ['dhost', member(fields.dst, 'domain')],
    ['out', fields.bytes],
    ['cnt', fields.count],
    ...custom(
      1,
      'rule',
      rule === undefined ? undefined : `${String(member(rule, 'file'))}:${String(member(rule, 'line'))}`,
    ),
    ...custom(2, 'class', text(fields.class)),
    ...custom(3, 'permission', text(fields.permission)),
    ...custom(4, 'policy', text(fields.policy)),
    ...custom(5, 'session', text(fields.session)),
    ...number(1, 'port', fields.port),
    ...number(2, 'messages', fields.messages),
    ...number(3, 'ringBytes', fields.ringBytes),
    ['msg', fields.detail === undefined ? undefined : JSON.stringify(fields.detail)],
  ];
  const pairs = extension
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${inExtension(value)}`);
  return `CEF:0|${header.map(inHeader).join('|')}|${pairs.join(' ')}`;
}

function custom(at: number, label: string, value: string | undefined): readonly (readonly [string, unknown])[] {
  return value === undefined ? [] : [[`cs${at}Label`, label] as const, [`cs${at}`, value] as const];
}

/** An Argo port has 32 bits, a CEF port 16: so it is a number of our own. */
function number(at: number, label: string, value: unknown): readonly (readonly [string, unknown])[] {
  return value === undefined ? [] : [[`cn${at}Label`, label] as const, [`cn${at}`, value] as const];
}

/** Control characters are escaped first, so that no value can end a line or a field. */
function inHeader(value: unknown): string {
  return escapeUnsafe(String(value)).replace(/[\\|]/g, '\\$&');
}

function inExtension(value: unknown): string {
  return escapeUnsafe(String(value)).replace(/[\\=]/g, '\\$&');
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
