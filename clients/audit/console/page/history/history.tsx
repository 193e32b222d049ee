/** History: a question; its answer over time, by facet and record by record, or the story that the records tell. */
import { useEffect, useState } from 'preact/hooks';
import type { HistoryAnswer, Rec, RecordAnswer, ReportName, SeqsAnswer } from '../../answers.ts';
import { ask, useAnswer } from '../api.tsx';
import { chooseAll, useDraft } from '../evidence/draft.tsx';
import { addressOf, go, type PagePlace } from '../place.ts';
import { count, plain, quoted } from '../text.tsx';
import { Detail } from './detail.tsx';
import { Histogram } from './histogram.tsx';
import { QuestionBox } from './question.tsx';
import { Records } from './records.tsx';
import { Story } from './story.tsx';

const TABS: readonly (readonly [story: ReportName | '', label: string])[] = [
  ['', 'Records'],
  ['first-seen', 'First seen'],
  ['probes', 'Probes'],
  ['opened', 'Denied, then allowed'],
  ['way', 'Way of data'],
];

interface Props {
  readonly turn: number | string;
  /** The first reading goes on, and the answer is about so many newest records; null: it is about all. */
  readonly newest: number | null;
  readonly place: PagePlace;
  /** Records can be picked for a case. */
  readonly mayPick: boolean;
}

export function History({ turn, newest, place, mayPick }: Props) {
  const { question, story } = place;
  const [chosen, setChosen] = useState<Rec | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => setChosen(null), [question, story]);
  const onAsk = (asked: string): void => go('history', { ...place, question: asked });
  const parts = { turn, newest, question, onFault: setFault };
  return (
    <div class="history">
      <QuestionBox question={question} isWrong={fault !== null} onAsk={onAsk} />
      {fault !== null && (
        <p class="bad" role="alert">
          {plain(fault)}
        </p>
      )}
      <nav class="tabs" aria-label="What is shown of the answer">
        {TABS.map(([name, label]) => (
          <a
            key={name}
            href={addressOf('history', { question, story: name })}
            aria-current={name === story ? 'true' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      {story === '' ? (
        <Answer key="records" {...parts} chosen={chosen} mayPick={mayPick} onAsk={onAsk} onChoose={setChosen} />
      ) : (
        <Story
          key={story}
          {...parts}
          name={story}
          from={place.from}
          to={place.to}
          onWay={(from, to) => go('history', { ...place, from, to })}
          onChoose={(seq) => {
            ask<RecordAnswer>(`/api/record/${seq}`).then(
              ({ record }) => setChosen(record),
              (error: Error) => setFault(error.message),
            );
          }}
        />
      )}
      {chosen !== null && (
        <Detail
          key={String(chosen.seq)}
          record={chosen}
          mayPick={mayPick}
          onChoose={setChosen}
          onAsk={(asked) => go('history', { question: asked })}
          onClose={() => setChosen(null)}
        />
      )}
    </div>
  );
}

interface AnswerProps {
  readonly turn: number | string;
  readonly newest: number | null;
  readonly question: string;
  readonly chosen: Rec | null;
  readonly mayPick: boolean;
  readonly onAsk: (question: string) => void;
  readonly onChoose: (record: Rec) => void;
  readonly onFault: (fault: string | null) => void;
}

function Answer({ turn, newest, question, chosen, mayPick, onAsk, onChoose, onFault }: AnswerProps) {
  const query = new URLSearchParams({ q: question }).toString();
  const { answer, fault } = useAnswer<HistoryAnswer>(`/api/history?${query}`, turn);
  useEffect(() => onFault(fault), [fault]);
  const add = (condition: string): void => onAsk(question === '' ? condition : `(${question}) ${condition}`);
  if (fault !== null) return null;
  if (answer === null) return <p class="empty">Reading the log…</p>;
  return (
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
              {facet.values.length === 0 && <p class="dim">none</p>}
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
        <Records query={query} matched={answer.matched} chosen={chosen} mayPick={mayPick} onChoose={onChoose} />
      </div>
    </>
  );
}

function PickAll({ question, matched }: { readonly question: string; readonly matched: number }) {
  const { seqs } = useDraft();
  const [fault, setFault] = useState<string | null>(null);
  const add = (): void => {
    ask<SeqsAnswer>(`/api/seqs?${new URLSearchParams({ q: question })}`).then(
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
