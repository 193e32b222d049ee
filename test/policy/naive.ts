/** The slow readable twin of the AVC: scans all rows for each request, follows labels by hand. Shares no code with policy/. */

export interface Rule {
  readonly source: string;
  readonly destination: string;
  readonly className: string;
  readonly permission: string;
  readonly effect: 'allow' | 'deny';
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

/** Some allow and no deny. */
export function naiveDecision(
  rules: readonly Rule[],
  links: readonly Link[],
  request: readonly [string, string, string, string],
): boolean {
  const [source, destination, className, permission] = request;
  const matching = rules.filter(
    (rule) =>
      rule.className === className &&
      (rule.permission === permission || rule.permission === '*') &&
      matches(source, rule.source, links) &&
      matches(destination, rule.destination, links),
  );
  return matching.some(({ effect }) => effect === 'allow') && !matching.some(({ effect }) => effect === 'deny');
}
