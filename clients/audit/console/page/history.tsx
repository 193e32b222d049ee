/** History: a question, its answer over time and by facet, and the records one by one. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, useAnswer } from './api.tsx';
import { Detail } from './detail.tsx';
import { Histogram } from './histogram.tsx';
import { count, plain, quoted, type Rec, summaryOf } from './text.tsx';

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
  readonly turn: number;
  readonly question: string;
  readonly onAsk: (question: string) => void;
}

export function History({ turn, question, onAsk }: Props) {
  const [draft, setDraft] = useState(question);
  const [chosen, setChosen] = useState<Rec | null>(null);
  useEffect(() => setDraft(question), [question]);
  const query = new URLSearchParams({ q: question }).toString();
  const { answer, fault } = useAnswer<HistoryAnswer>(`/api/history?${query}`, turn);
  const add = (condition: string): void => onAsk(question === '' ? condition : `(${question}) ${condition}`);
  return (
    <div class="history">
      <form
        class="question"
        onSubmit={(event) => {
          event.preventDefault();
          onAsk(draft.trim());
        }}
      >
        <label>
          Question
          <input
            type="search"
            name="question"
            value={draft}
            placeholder="decision=deny src=chrome-vm since=today"
            spellcheck={false}
            autocomplete="off"
            aria-invalid={fault !== null}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Ask</button>
        {question !== '' && (
          <button type="button" class="quiet" onClick={() => onAsk('')}>
            Clear
          </button>
        )}
      </form>
      {fault !== null && (
        <p class="bad" role="alert">
          {plain(fault)}
        </p>
      )}
      {answer !== null && fault === null && (
        <>
          <p class="dim" role="status">
            {answer.matched.toLocaleString('en')} of {answer.total.toLocaleString('en')} records
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
            <Records query={query} matched={answer.matched} chosen={chosen} onChoose={setChosen} />
          </div>
          {chosen !== null && <Detail record={chosen} onAsk={onAsk} onClose={() => setChosen(null)} />}
        </>
      )}
    </div>
  );
}

const ROW_PX = 26;
const PAGE_ROWS = 100;
/** Pages that are kept: the page's memory does not grow with what was scrolled past. */
const KEPT_PAGES = 12;

interface RecordsProps {
  readonly query: string;
  readonly matched: number;
  readonly chosen: Rec | null;
  readonly onChoose: (record: Rec) => void;
}

/** All matches, newest first, of which only those in view are in the document. */
function Records({ query, matched, chosen, onChoose }: RecordsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [pages, setPages] = useState<ReadonlyMap<number, readonly Rec[]>>(new Map());
  const firstRow = Math.floor(top / ROW_PX);
  const lastRow = Math.min(matched, firstRow + Math.ceil((box.current?.clientHeight ?? 480) / ROW_PX) + 2);
  const wanted = [
    ...new Set([Math.floor(firstRow / PAGE_ROWS), Math.floor(Math.max(firstRow, lastRow - 1) / PAGE_ROWS)]),
  ];
  const key = wanted.join();
  useEffect(() => setPages(new Map()), [query, matched]);
  useEffect(() => {
    const stop = new AbortController();
    for (const page of wanted) {
      ask<{ records: readonly Rec[] }>(
        `/api/records?${query}&skip=${page * PAGE_ROWS}&take=${PAGE_ROWS}`,
        stop.signal,
      ).then(
        ({ records }) => setPages((known) => new Map([...known, [page, records] as const].slice(-KEPT_PAGES))),
        () => undefined,
      );
    }
    return () => stop.abort();
  }, [query, matched, key]);
  const rows = [];
  for (let row = firstRow; row < lastRow; row++) {
    const record = pages.get(Math.floor(row / PAGE_ROWS))?.[row % PAGE_ROWS];
    rows.push(
      <RecordRow
        key={row}
        row={row}
        record={record}
        isChosen={record !== undefined && record.seq === chosen?.seq}
        onChoose={onChoose}
      />,
    );
  }
  return (
    <div class="records" ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      {matched === 0 && <p class="dim">&lt;no matches&gt;</p>}
      <svg class="spacer" width="1" height={matched * ROW_PX} aria-hidden="true" />
      {rows}
    </div>
  );
}

interface RowProps {
  readonly row: number;
  readonly record: Rec | undefined;
  readonly isChosen: boolean;
  readonly onChoose: (record: Rec) => void;
}

function RecordRow({ row, record, isChosen, onChoose }: RowProps) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.style.setProperty('top', `${row * ROW_PX}px`), [row]);
  const decision = record?.decision === 'deny' ? ' deny' : record?.decision === 'allow' ? ' allow' : '';
  return (
    <button
      type="button"
      ref={button}
      class={`record${decision}${isChosen ? ' chosen' : ''}`}
      disabled={record === undefined}
      onClick={() => record !== undefined && onChoose(record)}
    >
      {record === undefined
        ? '…'
        : `#${record.seq}  ${plain(record.time).slice(0, 19).replace('T', ' ')}  ${plain(record.event)}  ${summaryOf(record)}`}
    </button>
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
