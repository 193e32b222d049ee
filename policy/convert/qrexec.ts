/**
 * Qubes' policy.d: `SERVICE +ARGUMENT SOURCE TARGET allow|deny|ask [PARAMETER=VALUE …]`, first match wins.
 *
 * Here order means nothing, and a deny row overrides every allow row. So an allow line is translated as it stands,
 * because what an earlier line denies stays denied. A deny line becomes a row only if a later line may allow what it
 * denies, and no earlier line allows a part of it: the row would take that part back. Otherwise it is the default here.
 */
import { type Imported, ImportedRows, type SourceLine } from './imported.ts';
import { type Mapping, serviceOf, subjectOf } from './mapping.ts';

export interface QrexecFile {
  readonly name: string;
  readonly text: string;
}

interface Line extends SourceLine {
  readonly service: string;
  readonly argument: string;
  readonly from: string;
  readonly to: string;
  readonly action: string;
  readonly parameters: readonly string[];
}

/** @param files those with the suffix `.policy`, in the order in which Qubes reads them */
export function importQrexec(files: readonly QrexecFile[], mapping: Mapping): Imported {
  const rows = new ImportedRows('qrexec');
  const lines = files.flatMap((file) => linesOf(file, rows));
  for (const [index, line] of lines.entries()) {
    const before = lines.slice(0, index);
    const after = lines.slice(index + 1);
    const translation = translationOf(line, { before, after }, mapping);
    if (typeof translation === 'string') rows.refuse(line, translation);
    else rows.add(line, translation.rows, translation.remark);
  }
  return rows.result();
}

function linesOf({ name, text }: QrexecFile, rows: ImportedRows): Line[] {
  return text.split('\n').flatMap((raw, index): Line[] => {
    const source = { file: name, line: index + 1, text: raw };
    const words = raw.trim().split(/\s+/);
    if (raw.trim() === '' || raw.trim().startsWith('#')) return [];
    if (raw.trim().startsWith('!')) {
      rows.refuse(source, 'includes are not followed: give the included file too');
      return [];
    }
    const [service, argument, from, to, action, ...parameters] = words;
    if (
      action === undefined ||
      service === undefined ||
      argument === undefined ||
      from === undefined ||
      to === undefined
    ) {
      rows.refuse(source, 'not a line of five words: SERVICE ARGUMENT SOURCE TARGET ACTION');
      return [];
    }
    return [{ ...source, service, argument, from, to, action, parameters }];
  });
}

interface Neighbours {
  readonly before: readonly Line[];
  readonly after: readonly Line[];
}

interface Translation {
  readonly rows: readonly string[];
  readonly remark: string;
}

/** A text: why the line has no equivalent. */
function translationOf(line: Line, { before, after }: Neighbours, mapping: Mapping): Translation | string {
  if (line.action === 'deny') {
    if (!after.some((other) => other.action !== 'deny' && meets(line, other)))
      return { rows: [], remark: 'denied here without a row: nothing after it allows it' };
    const earlier = before.find((other) => other.action !== 'deny' && meets(line, other));
    if (earlier !== undefined)
      return `${earlier.file}:${earlier.line} allows a part of it first, and a deny row would take that back; name the rest with labels`;
  }
  const fault = faultOf(line);
  if (fault !== null) return fault;
  const name = `${line.service}${line.argument === '*' ? '' : line.argument}`;
  const service = serviceOf(name, mapping);
  if (service === null) return `the mapping file does not say which class and permission "${name}" is`;
  const [from, to] = [subjectOfQubes(line.from, mapping), subjectOfQubes(line.to, mapping)];
  const unknown = from === null ? line.from : to === null ? line.to : null;
  if (unknown !== null) return `"${unknown}" has no equivalent; a line under "names" of the mapping file can give one`;
  const row = `p, ${from}, ${to}, ${service.class}, ${service.permission}, ${line.action}`;
  if (line.action === 'deny') return { rows: [row], remark: '' };
  // Class argo decides whether two domains may talk at all.
  const argo = [`p, ${from}, ${to}, argo, send, allow`, `p, ${to}, ${from}, argo, register_single_source, allow`];
  return { rows: [row, ...argo], remark: remarkOf(line.parameters) };
}

function faultOf({ action, service, to, parameters }: Line): string | null {
  if (action === 'ask') return 'nobody is asked here: use a grantable label and "argus grant", or allow it';
  if (action !== 'allow' && action !== 'deny') return `the action "${action}" is not known`;
  if (service === '*') return 'a row is about one class: name the services';
  if (to === '@default') return 'a message here names its destination: there is no default target';
  const redirect = parameters.find((each) => /^(target|default_target)=/.test(each));
  if (redirect !== undefined && action === 'allow') return `a message is not redirected here (${redirect})`;
  return null;
}

/** Parameters that do not change whether a call is allowed. */
function remarkOf(parameters: readonly string[]): string {
  if (parameters.length === 0) return '';
  return `without ${parameters.join(' ')}`;
}

/** Null: a disposable, a type, or a name that cannot be one here. */
function subjectOfQubes(word: string, mapping: Mapping): string | null {
  const name = word === '@adminvm' ? 'dom0' : word;
  const own = Object.hasOwn(mapping.names, word) ? word : name;
  if (Object.hasOwn(mapping.names, own)) return subjectOf(own, mapping);
  // In Qubes "*" and "@anyvm" leave out dom0; dom0 is no domain here unless the mapping says so.
  if (word === '@anyvm' || word === '*') return '@any';
  if (word.startsWith('@tag:')) return subjectOf(`@${word.slice('@tag:'.length)}`, mapping);
  if (word.startsWith('@') || name === 'dom0') return null;
  return subjectOf(name, mapping);
}

/** True unless the two lines certainly match different calls. The members of a tag or a type are not known. */
function meets(a: Line, b: Line): boolean {
  return (
    (a.service === b.service || a.service === '*' || b.service === '*') &&
    (a.argument === b.argument || a.argument === '*' || b.argument === '*') &&
    subjectsMeet(a.from, b.from) &&
    subjectsMeet(a.to, b.to)
  );
}

function subjectsMeet(a: string, b: string): boolean {
  if (a === b) return true;
  const isName = (word: string): boolean => !word.startsWith('@') && word !== '*';
  const isAdmin = (word: string): boolean => word === '@adminvm' || word === 'dom0';
  if (isAdmin(a) || isAdmin(b)) return (isAdmin(a) && isAdmin(b)) || a === '*' || b === '*';
  return !(isName(a) && isName(b));
}
