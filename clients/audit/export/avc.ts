/**
 * A decision as a line of the Linux audit log, as SELinux's tools read it: ausearch, aureport, audit2allow, audit2why.
 *
 * The spaces and the order of the fields are those of libselinux: audit tools skip a record whose fields stand in another
 * order. A domain is the type of a context, so the tools speak of it as of a type of a policy.
 */
import type { ParsedLine } from '../../../broker/audit/index.ts';
import { member } from '../query/index.ts';

/**
 * Null: the record has no such line, because it is not a decision about two domains, or a `dontaudit` row says that its denials
 * have none. So audit2allow proposes nothing for denials that the policy calls known, as on a system with SELinux.
 */
export function avcLine({ seq, event, fields }: ParsedLine): string | null {
  if (event === 'denied.counted') return null;
  const { decision, time, class: className, permission } = fields;
  const [source, target] = [member(fields.src, 'domain'), member(fields.dst, 'domain')];
  if (decision !== 'allow' && decision !== 'deny') return null;
  if (source === undefined || target === undefined || className === undefined || permission === undefined) return null;
  const at = Date.parse(String(time));
  const moment = Number.isNaN(at) ? '0.000' : (at / 1_000).toFixed(3);
  const extra = [
    'pid=0 comm="argus"',
    ...(typeof fields.port === 'number' ? [`dest=${fields.port}`] : []),
    ...(typeof fields.count === 'number' ? [`count=${fields.count}`] : []),
    `scontext=${contextOf(source)} tcontext=${contextOf(target)} tclass=${word(className)}`,
    `permissive=${fields.permissive === true ? 1 : 0}`,
  ];
  const verdict = decision === 'deny' ? 'denied' : 'granted';
  return `type=AVC msg=audit(${moment}:${seq}): avc:  ${verdict}  { ${word(permission)} } for  ${extra.join(' ')}`;
}

function contextOf(domain: unknown): string {
  return `argus_u:argus_r:${word(domain)}:s0`;
}

/** A log may be hostile: nothing that a tool takes for the end of a field passes. */
function word(value: unknown): string {
  return String(value).replace(/[^\w.@-]/g, '?');
}
