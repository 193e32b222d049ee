/** A request explained: its decision, what nearly matches, what would allow it, and what else its message needs. */
import {
  type AccessQuestion,
  answerWhy,
  formatAnswer,
  needsOfMessage,
  type PolicyRevision,
} from '../../../../../policy/index.ts';
import { type Change, tryChanges } from '../change/changes.ts';

export interface Explanation {
  readonly policy: PolicyRevision;
  readonly question: AccessQuestion;
  readonly answer: ReturnType<typeof answerWhy>;
  readonly changes: readonly Change[];
  readonly needs: ReturnType<typeof needsOfMessage>;
  /** Null: the question is not about a port. */
  readonly port: number | null;
  /** The class of that port at the destination. */
  readonly bound: string | null;
}

export async function explain(
  policy: PolicyRevision,
  question: AccessQuestion,
  port: number | undefined,
): Promise<Explanation> {
  const answer = answerWhy(policy, question);
  return {
    policy,
    question,
    answer,
    changes: await tryChanges(policy, answer.candidates),
    needs: needsOfMessage(policy, question),
    port: port ?? null,
    bound: port === undefined ? null : policy.classes.of(question.destination, port).name,
  };
}

export function explanationText({ policy, question, answer, changes, needs, port, bound }: Explanation): string {
  const { destination, serviceClass } = question;
  const lines = [formatAnswer(question, answer, policy.hash)];
  if (bound !== null) {
    const fits =
      bound === serviceClass.name ? '' : `, not ${serviceClass.name}: messages to it are decided by that class`;
    lines.push(`  port: ${port} of ${destination.name} is of class ${bound}${fits}`);
  }
  for (const { row, adds, breaks } of changes) {
    const effect = breaks.length === 0 ? `allows ${adds} request${adds === 1 ? '' : 's'} more` : `breaks ${breaks[0]}`;
    lines.push(`  would be allowed by: ${row}   -> ${effect}`);
  }
  for (const { kind, what, allowed } of needs) {
    const [yes, no] = kind === 'row' ? ['allowed', 'DENIED'] : ['declared', 'MISSING'];
    lines.push(`  also needed: ${what}: ${allowed ? yes : no}`);
  }
  return lines.join('\n');
}

export function explanationJson({ policy, question, answer, changes, needs, port, bound }: Explanation): object {
  return {
    policy: policy.hash,
    source: question.source.name,
    destination: question.destination.name,
    class: question.serviceClass.name,
    permission: question.permission,
    allowed: answer.allowed,
    reason: answer.reason,
    rule: answer.rule?.row.place ?? null,
    audit: answer.audit === null ? null : { kind: answer.audit.kind, ...answer.audit.place },
    labels: answer.labels,
    nearMisses: answer.nearMisses.map(({ rule, differsIn, because }) => ({ ...rule.row.place, differsIn, because })),
    changes: changes.map(({ row, adds, breaks }) => ({ row, adds: breaks.length === 0 ? adds : null, breaks })),
    needs,
    ...(port === null ? {} : { port, portClass: bound }),
  };
}
