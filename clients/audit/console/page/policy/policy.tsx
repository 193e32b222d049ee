/** Policy: who may do what to whom, next to what was asked; revisions, assertions, rows, and what would change. */
import { useState } from 'preact/hooks';
import type { PolicyAnswer } from '../../answers.ts';
import { useAnswer } from '../api.tsx';
import { counted, plain } from '../text.tsx';
import { Matrix } from './matrix.tsx';

interface Props {
  readonly turn: number | string;
  readonly onAsk: (question: string) => void;
}

export function PolicyView({ turn, onAsk }: Props) {
  const [revision, setRevision] = useState('');
  const { answer, fault } = useAnswer<PolicyAnswer>(`/api/policy?${new URLSearchParams({ revision })}`, turn);
  if (fault !== null)
    return (
      <p class="bad" role="alert">
        {plain(fault)}
      </p>
    );
  if (answer === null) return <p class="empty">Reading the log and the archive…</p>;
  const { grants, hash, changes } = answer;
  return (
    <div class="policy">
      <section class="panel" aria-label="Revision">
        <h2>
          {answer.shown === null ? 'The candidate, which is not in force' : 'The policy'} {hash.slice(0, 12)}
          <select
            aria-label="Revision"
            value={answer.shown === null ? 'candidate' : String(answer.shown)}
            onChange={(event) => setRevision(event.currentTarget.value)}
          >
            {answer.hasCandidate && <option value="candidate">candidate</option>}
            {answer.revisions.map((one) => (
              <option key={one.seq} value={String(one.seq)}>
                {`${one.revision}: ${plain(one.time).slice(0, 16)} ${plain(one.by)} (${plain(one.cause)})`}
              </option>
            ))}
          </select>
        </h2>
        <p class="dim">
          {revisionText(answer)}
          {grants.length > 0 && ` Grants in force with it: ${grants.map(plain).join(', ')}.`}
        </p>
        <h3>
          {answer.shown === null ? 'What it would change in what is allowed' : 'What it changed in what is allowed'}
        </h3>
        {changes === null && <p class="dim">there is no policy before it to compare with</p>}
        {changes?.total === 0 && <p class="dim">nothing: it allows the same as the one before</p>}
        {changes !== null && changes.total > 0 && <Lines lines={changes.lines} total={changes.total} />}
        <h3>Requests in the log that it would decide otherwise</h3>
        {answer.otherwise.length === 0 ? (
          <p class="dim">none</p>
        ) : (
          <Lines lines={answer.otherwise} total={answer.otherwise.length} />
        )}
      </section>
      <Matrix policy={answer} onAsk={onAsk} />
      <section class="panel" aria-label="Rows">
        <h2>Rows, by what they decided</h2>
        <ul class="plain rows" tabindex={0} aria-label="Rows of the policy">
          {answer.rules.map((rule) => (
            <li key={rule.text} class={rule.times === 0 ? 'warn' : ''}>
              {rule.times === 0 ? 'never' : `${counted(rule.times, 'time')}, ${counted(rule.sources.length, 'domain')}`}
              : {plain(rule.text)}
            </li>
          ))}
        </ul>
      </section>
      <section class="panel" aria-label="Assertions">
        <h2>Assertions, counted again now</h2>
        {answer.assertions.length === 0 ? (
          <p class="empty">The policy has none.</p>
        ) : (
          <ul class="plain rows proofs" tabindex={0} aria-label="Assertions of the policy">
            {answer.assertions.map(({ line, text, holds, proof }) => (
              <li key={line}>
                <b class={holds ? 'good' : 'bad'}>{holds ? 'holds' : 'BROKEN'}</b> {plain(text)}
                <span class="proof">{plain(proof)}</span>
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}

/** As in sediff: more is allowed, less is, other permissions are. */
const MARKS: Readonly<Record<string, string>> = { '+': 'good', '-': 'bad', '*': 'warn' };

function Lines({ lines, total }: { readonly lines: readonly string[]; readonly total: number }) {
  return (
    <ul class="plain rows" tabindex={0} aria-label={`${total} changes`}>
      {lines.map((line) => (
        <li key={line}>
          <b class={MARKS[line[0] ?? ''] ?? ''}>{line.slice(0, 1)}</b>
          {plain(line.slice(1))}
        </li>
      ))}
      {total > lines.length && <li class="dim">{`showing ${lines.length} of ${total}`}</li>}
    </ul>
  );
}

function revisionText({ revisions, shown }: PolicyAnswer): string {
  const found = revisions.find(({ seq }) => seq === shown);
  if (found === undefined) return 'Nothing of it is in force.';
  const why = found.why === '' ? '' : `, because: ${plain(found.why)}`;
  return `Revision ${found.revision}, record ${found.seq}, by ${plain(found.by) || 'the broker'} (${plain(found.cause) || 'start'})${why}.`;
}
