/** A record as one line of text. */
import { escapeUnsafe, type ParsedLine } from '../../../../../broker/audit/index.ts';

/** `time seq event src -> dst:port class:permission decision reason rule ...`, without what the record does not have. */
export function recordText(parsed: ParsedLine): string {
  const { fields } = parsed;
  const parts = [
    fields.time,
    `#${parsed.seq}`,
    parsed.event,
    partiesOf(parsed),
    fields.class === undefined ? undefined : `${show(fields.class)}:${show(fields.permission)}`,
    fields.decision,
    fields.permissive === true ? 'permissive' : undefined,
    fields.reason,
    fields.rule === undefined ? undefined : `${show(member(fields.rule, 'file'))}:${show(member(fields.rule, 'line'))}`,
    fields.messages === undefined ? undefined : `${show(fields.messages)} messages`,
    fields.bytes === undefined ? undefined : `${show(fields.bytes)} bytes`,
    fields.ringBytes === undefined ? undefined : `${show(fields.ringBytes)} ring bytes`,
    fields.revision === undefined || fields.event !== 'policy.load'
      ? undefined
      : `revision ${show(fields.revision)} policy ${show(fields.policy)}`,
    accessText(parsed),
    fields.count === undefined ? undefined : `x${show(fields.count)}`,
    fields.detail === undefined ? undefined : show(fields.detail),
  ];
  return escapeUnsafe(
    parts
      .filter((part) => part !== undefined)
      .map(show)
      .join(' '),
  );
}

/** A line that is not a record is shown unchanged. */
export function faultText(segment: number, fault: string): string {
  return `!! a line of segment ${segment} is not a record: ${fault}`;
}

function partiesOf({ fields }: ParsedLine): string | undefined {
  const port = fields.port === undefined ? '' : `:${show(fields.port)}`;
  if (fields.src === undefined) return undefined;
  const source = show(member(fields.src, 'domain'));
  return fields.dst === undefined ? `${source}${port}` : `${source} -> ${show(member(fields.dst, 'domain'))}${port}`;
}

/** How a policy that came into force differs from the one before it. The detail has the first differences. */
function accessText({ event, fields }: ParsedLine): string | undefined {
  const access = member(fields.detail, 'access');
  if (event !== 'policy.load' || access === undefined) return undefined;
  if (typeof access === 'string') return `access ${access}`;
  return `access ${ACCESS_COUNTS.map((name) => `${show(member(access, name) ?? 0)} ${name}`).join(' ')}`;
}

const ACCESS_COUNTS = ['added', 'removed', 'modified'] as const;

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '?');
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
