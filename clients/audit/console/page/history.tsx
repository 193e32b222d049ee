/** History: a question, its answer over time and by facet, and the records one by one. */
import { useEffect, useState } from 'preact/hooks';
import { ask, useAnswer } from './api.tsx';
import { Detail } from './detail.tsx';
import { chooseAll, useDraft } from './draft.tsx';
import { Histogram } from './histogram.tsx';
import { QuestionBox } from './question.tsx';
import { Records } from './records.tsx';
import { count, plain, quoted, type Rec } from './text.tsx';

interface HistoryAnswer {
  readonly total: number;
  readonly matched: number;
  readonly from: number;
  readonly stepMs: number;
  readonly allowed: readonly number[];
  readonly denied: readonly number[];
  readonly other: readonly number[];
  readonly facets: readonly {
    readonly field: string;
    readonly values: readonly { readonly value: string; readonly count: number }[];
    readonly more: number;
  }[];
}

interface Props {
  readonly turn: number | string;
  /** The first reading goes on, and the answer is about so many newest records; null: it is about all. */
  readonly newest: number | null;
  readonly question: string;
  /** Records can be picked for a case. */
  readonly mayPick: boolean;
  readonly onAsk: (question: string) => void;
}

export function History({ turn, newest, question, mayPick, onAsk }: Props) {
  const [chosen, setChosen] = useState<Rec | null>(null);
  useEffect(() => setChosen(null), [question]);
  const query = new URLSearchParams({ q: question }).toString();
  const { answer, fault } = useAnswer<HistoryAnswer>(`/api/history?${query}`, turn);
  const add = (condition: string): void => onAsk(question === '' ? condition : `(${question}) ${condition}`);
  return (
    <div class="history">
      <QuestionBox question={question} isWrong={fault !== null} onAsk={onAsk} />
      {fault !== null && (
        <p class="bad" role="alert">
          {plain(fault)}
        </p>
      )}
      {answer !== null && fault === null && (
        <>
          <p class="dim found">
            <span role="status">
              {answer.matched.toLocaleString('en')} of {answer.total.toLocaleString('en')} records
            </span>
            {newest !== null && <span class="warn">the newest ones; the others are being read</span>}
            {mayPick && answer.matched > 0 && <PickAll question={question} matched={answer.matched} />}
          </p>
          <Histogram {...answer} onRange={(since, until) => add(`since=${iso(since)} until=${iso(until)}`)} />
          <div class="columns">
            <aside aria-label="Facets">
              {answer.facets.map((facet) => (
                <section key={facet.field} class="facet">
                  <h2>{facet.field}</h2>
                  <ul class="plain">
                    {facet.values.map(({ value, count: events }) => (
                      <li key={value}>
                        <button type="button" class="link" onClick={() => add(`${facet.field}=${quoted(value)}`)}>
                          {plain(value)}
                        </button>
                        <button
                          type="button"
                          class="link exclude"
                          aria-label={`without ${facet.field} ${plain(value)}`}
                          onClick={() => add(`${facet.field}!=${quoted(value)}`)}
                        >
                          ≠
                        </button>
                        <span class="dim">{count(events)}</span>
                      </li>
                    ))}
                  </ul>
                  {facet.more > 0 && <p class="dim">and {facet.more} more values</p>}
                </section>
              ))}
            </aside>
            <Records query={query} matched={answer.matched} chosen={chosen} mayPick={mayPick} onChoose={setChosen} />
          </div>
          {chosen !== null && (
            <Detail
              key={String(chosen.seq)}
              record={chosen}
              mayPick={mayPick}
              onChoose={setChosen}
              onAsk={onAsk}
              onClose={() => setChosen(null)}
            />
          )}
        </>
      )}
    </div>
  );
}

function PickAll({ question, matched }: { readonly question: string; readonly matched: number }) {
  const { seqs } = useDraft();
  const [fault, setFault] = useState<string | null>(null);
  const add = (): void => {
    ask<{ seqs: readonly number[] }>(`/api/seqs?${new URLSearchParams({ q: question })}`).then(
      (answer) => {
        setFault(null);
        chooseAll(answer.seqs, question);
      },
      (error: Error) => setFault(error.message),
    );
  };
  return (
    <span class="actions">
      <button type="button" onClick={add}>
        Add {matched === 1 ? 'it' : `these ${matched.toLocaleString('en')}`} to the case
      </button>
      {seqs.length > 0 && <a href="#cases">{`${seqs.length.toLocaleString('en')} in the case`}</a>}
      {fault !== null && (
        <span class="bad" role="alert">
          {plain(fault)}
        </span>
      )}
    </span>
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
