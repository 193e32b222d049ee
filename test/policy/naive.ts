/** The slow readable twin of the AVC: scans all rows for each request, follows labels by hand. Shares no code with policy/. */

export interface Rule {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  /** The last two say how a decision is recorded. */
  readonly effect: 'allow' | 'deny' | 'dontaudit' | 'auditallow';
}

export type Link = readonly [member: string, label: string];

/** Does `name` have the label, through any number of links? */
function has(name: string, label: string, links: readonly Link[]): boolean {
  if (label === '@any') return name !== 'broker';
  return links.some(([member, direct]) => member === name && (direct === label || has(direct, label, links)));
}

function matches(name: string, subject: string, links: readonly Link[]): boolean {
  return name === subject || (subject.startsWith('@') && has(name, subject, links));
}

type Request = readonly [source: string, destination: string, className: string, permission: string];

function covering(rules: readonly Rule[], links: readonly Link[], request: Request): readonly Rule[] {
  const [source, destination, className, permission] = request;
  return rules.filter(
    (rule) =>
      rule.className === className &&
      (rule.permission === permission || rule.permission === '*') &&
      matches(source, rule.source, links) &&
      matches(destination, rule.destination, links),
  );
}

/** Some allow and no deny. */
export function naiveDecision(rules: readonly Rule[], links: readonly Link[], request: Request): boolean {
  const matching = covering(rules, links, request);
  return matching.some(({ effect }) => effect === 'allow') && !matching.some(({ effect }) => effect === 'deny');
}

/** Does a row of this kind cover the request? */
export function naiveAudit(
  rules: readonly Rule[],
  links: readonly Link[],
  request: Request,
  kind: 'dontaudit' | 'auditallow',
): boolean {
  return covering(rules, links, request).some(({ effect }) => effect === kind);
}

/** The row as it stands in policy.csv. */
export function rowOf({ source, destination, className, permission, effect }: Rule): string {
  const access = `${source}, ${destination}, ${className}, ${permission}`;
  return effect === 'allow' || effect === 'deny' ? `p, ${access}, ${effect}` : `${effect}, ${access}`;
}
