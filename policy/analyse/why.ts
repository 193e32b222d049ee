/**
 * Why a request is allowed or denied: the row, the labels that led there, the rows that nearly match, and the smallest
 * change that would allow it.
 */
import { type Domain, type ServiceClass, WILDCARD } from '../contract/index.ts';
import { auditRowFor, Decider, type Rule } from '../decide/index.ts';
import { type AuditRow, permissionsMeet } from '../read/index.ts';
import { formatAuditRow, formatRule } from './search.ts';
import { type Analysed, domainNamed } from './subject.ts';

export interface AccessQuestion {
  readonly source: Domain;
  readonly destination: Domain;
  readonly serviceClass: ServiceClass;
  readonly permission: string;
}

/** An allow row that differs from the request in one word. */
export interface NearMiss {
  readonly rule: Rule;
  readonly differsIn: 'source' | 'destination' | 'class' | 'permission';
  readonly because: string;
}

export interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: 'ALLOWED' | 'NO_RULE' | 'EXPLICIT_DENY';
  readonly rule: Rule | null;
  /** The row that says how the decision is recorded; null: the class of services.yaml does. */
  readonly audit: AuditRow | null;
  /** `chrome-vm is @app`, for each end that the row names by a label. */
  readonly labels: readonly string[];
  readonly nearMisses: readonly NearMiss[];
  /** Changes, each of which would allow it. */
  readonly candidates: readonly Candidate[];
}

/** A row more of policy.csv, or a grant at run time. */
export type Candidate =
  | { readonly kind: 'row'; readonly text: string }
  | { readonly kind: 'grant'; readonly text: string; readonly domain: string; readonly label: string };

const MAX_NEAR_MISSES = 5;

export function answerWhy(analysed: Analysed, question: AccessQuestion): AccessAnswer {
  const { source, destination, serviceClass, permission } = question;
  const position = serviceClass.permissions.indexOf(permission);
  const verdict = new Decider(analysed.examined).decide(source, destination, serviceClass)[position];
  const rule = verdict?.rule ?? null;
  const allowed = verdict?.allowed === true;
  const labels = rule === null ? [] : [pathOf(source, rule.row.source), pathOf(destination, rule.row.destination)];
  const nearMisses = allowed ? [] : findNearMisses(analysed, question);
  const covering = analysed.examined.book.audit.covering(source, destination, serviceClass);
  return {
    allowed,
    reason: allowed ? 'ALLOWED' : rule === null ? 'NO_RULE' : 'EXPLICIT_DENY',
    rule,
    audit: auditRowFor(covering, allowed ? 'auditallow' : 'dontaudit', permission),
    labels: labels.filter((text) => text !== ''),
    nearMisses,
    candidates: rule === null && !allowed ? candidatesFor(analysed, question, nearMisses) : [],
  };
}

function findNearMisses(analysed: Analysed, question: AccessQuestion): NearMiss[] {
  const found: NearMiss[] = [];
  for (const rule of analysed.examined.book.index.rules) {
    if (rule.row.effect !== 'allow') continue;
    const differences = differencesOf(rule, question);
    const [only, ...more] = differences;
    if (only === undefined || more.length > 0) continue;
    // "Something else is allowed between the two" is a near miss only if it is the same permission of a service class.
    if (
      only.differsIn === 'class' &&
      (rule.row.serviceClass.index === 0 || !permissionsMeet(rule.row.permission, question.permission))
    )
      continue;
    found.push({ rule, ...only });
  }
  const order = ['permission', 'destination', 'source', 'class'];
  return found
    .sort((a, b) => order.indexOf(a.differsIn) - order.indexOf(b.differsIn) || a.rule.number - b.rule.number)
    .slice(0, MAX_NEAR_MISSES);
}

function differencesOf(
  { row }: Rule,
  { source, destination, serviceClass, permission }: AccessQuestion,
): Omit<NearMiss, 'rule'>[] {
  const differences: Omit<NearMiss, 'rule'>[] = [];
  if (!has(source, row.source)) differences.push({ differsIn: 'source', because: unlike(source, row.source) });
  if (!has(destination, row.destination))
    differences.push({ differsIn: 'destination', because: unlike(destination, row.destination) });
  if (row.serviceClass !== serviceClass)
    differences.push({ differsIn: 'class', because: `the row is about ${row.serviceClass.name}` });
  if (row.serviceClass === serviceClass && row.permission !== WILDCARD && row.permission !== permission)
    differences.push({ differsIn: 'permission', because: `the row allows ${row.permission}` });
  return differences;
}

function unlike({ name }: Domain, subject: string): string {
  return subject.startsWith('@') ? `${name} is not ${subject}` : `the row names ${subject}`;
}

function has({ name, labels }: Domain, subject: string): boolean {
  return subject === name || labels.includes(subject) || (subject === '@any' && name !== 'broker');
}

function pathOf(domain: Domain, subject: string): string {
  return domain.name === subject ? '' : `${domain.name} is ${subject}`;
}

function candidatesFor(
  { labels }: Analysed,
  { source, destination, serviceClass, permission }: AccessQuestion,
  nearMisses: readonly NearMiss[],
): Candidate[] {
  const found: Candidate[] = [
    { kind: 'row', text: `p, ${source.name}, ${destination.name}, ${serviceClass.name}, ${permission}, allow` },
  ];
  for (const { rule, differsIn } of nearMisses) {
    if (differsIn !== 'source' && differsIn !== 'destination') continue;
    const [domain, label] = differsIn === 'source' ? [source, rule.row.source] : [destination, rule.row.destination];
    if (!label.startsWith('@') || domain.name === 'broker') continue;
    const isGrantable = labels.get(label)?.grantable === true;
    const candidate: Candidate = isGrantable
      ? { kind: 'grant', text: `argus grant ${domain.name} ${label}`, domain: domain.name, label }
      : { kind: 'row', text: `g, ${domain.name}, ${label}` };
    if (!found.some(({ text }) => text === candidate.text)) found.push(candidate);
  }
  return found;
}

export function formatAnswer(
  { source, destination, serviceClass, permission }: AccessQuestion,
  answer: AccessAnswer,
  hash: string,
): string {
  const word = answer.allowed ? 'ALLOW' : 'DENY';
  const head = `${word} ${source.name} -> ${destination.name} ${serviceClass.name}:${permission}   (policy ${hash.slice(0, 12)})`;
  const lines = [`  reason: ${answer.reason}  ${REASONS[answer.reason]}`];
  if (answer.rule !== null) lines.push(`  row: ${formatRule(answer.rule)}`);
  if (answer.audit !== null) lines.push(`  recorded: ${RECORDED[answer.audit.kind]}: ${formatAuditRow(answer.audit)}`);
  for (const label of answer.labels) lines.push(`  label: ${label}`);
  for (const { rule, differsIn, because } of answer.nearMisses)
    lines.push(`  near miss: ${formatRule(rule)}   differs in ${differsIn}: ${because}`);
  return [head, ...lines].join('\n');
}

const REASONS = {
  ALLOWED: 'an allow row matches and no deny row does',
  NO_RULE: 'no row allows it, and what no row allows is denied',
  EXPLICIT_DENY: 'a deny row matches; it overrides every allow row',
} as const;

const RECORDED = {
  auditallow: 'each use, one by one',
  dontaudit: 'a count of the denials, once an interval',
} as const;

/** Parses the question that a user typed, or says what is wrong with it. */
export function readQuestion(
  analysed: Analysed,
  [source, destination, className, permission]: readonly [string, string, string, string],
): AccessQuestion | string {
  const from = analysed.domains.byName(source);
  const to = domainNamed(analysed, destination);
  const serviceClass = analysed.classes.byName(className);
  if (from === undefined) return `"${source}" is not a domain of this policy`;
  if (to === undefined) return `"${destination}" is not a domain of this policy`;
  if (serviceClass === undefined) return `"${className}" is not a class of this policy`;
  if (!serviceClass.permissions.includes(permission))
    return `class "${className}" has no permission "${permission}"; it has: ${serviceClass.permissions.join(', ')}`;
  return { source: from, destination: to, serviceClass, permission };
}
