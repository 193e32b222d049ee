/**
 * All matches, newest first, of which only those in view are in the document.
 *
 * The list stands still while somebody reads further down: what came since is told, and shown on demand. At its top it
 * follows the log.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Rec, RecordsAnswer } from '../../answers.ts';
import { ask } from '../api.tsx';
import { choose, useDraft } from '../evidence/draft.tsx';
import { plain, summaryOf } from '../text.tsx';

const ROW_PX = 26;
const PAGE_ROWS = 100;
/** Pages that are kept: the page's memory does not grow with what was scrolled past. */
const KEPT_PAGES = 12;
/** Browsers lay out no taller element than some 17 million pixels: a longer list scrolls in larger steps. */
const MAX_HEIGHT_PX = 15_000_000;
const EMPTY_HEIGHT_PX = 520;

interface Props {
  readonly query: string;
  readonly matched: number;
  readonly chosen: Rec | null;
  readonly mayPick: boolean;
  readonly onChoose: (record: Rec) => void;
}

interface Loaded {
  readonly query: string;
  readonly upto: number;
  readonly pages: ReadonlyMap<number, readonly Rec[]>;
}

export function Records({ query, matched, chosen, mayPick, onChoose }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const goal = useRef<number | null>(null);
  const [top, setTop] = useState(0);
  const [upto, setUpto] = useState(matched);
  const [loaded, setLoaded] = useState<Loaded>({ query, upto, pages: new Map() });
  const picked = new Set(useDraft().seqs);
  const viewPx = box.current?.clientHeight ?? EMPTY_HEIGHT_PX;
  const fullPx = upto * ROW_PX;
  const heightPx = Math.min(fullPx, MAX_HEIGHT_PX);
  const isScaled = fullPx > MAX_HEIGHT_PX;
  // In a list that is taller than a browser can lay out, the scroll bar's place is a share of the list.
  const first = isScaled ? (top / (heightPx - viewPx)) * (upto - viewPx / ROW_PX) : top / ROW_PX;
  const firstRow = Math.max(0, Math.floor(first));
  const lastRow = Math.min(upto, firstRow + Math.ceil(viewPx / ROW_PX) + 2);
  const wanted = [
    ...new Set([Math.floor(firstRow / PAGE_ROWS), Math.floor(Math.max(firstRow, lastRow - 1) / PAGE_ROWS)]),
  ];
  useEffect(() => {
    if (top < ROW_PX) setUpto(matched);
  }, [matched, top]);
  useEffect(() => {
    setUpto(matched);
    box.current?.scrollTo(0, 0);
  }, [query]);
  useEffect(() => {
    const stop = new AbortController();
    for (const page of wanted) {
      if (loaded.query === query && loaded.upto === upto && loaded.pages.has(page)) continue;
      const path = `/api/records?${query}&upto=${upto}&skip=${page * PAGE_ROWS}&take=${PAGE_ROWS}`;
      ask<RecordsAnswer>(path, stop.signal).then(
        ({ records }) => setLoaded((before) => withPage(before, { query, upto }, page, records)),
        () => undefined,
      );
    }
    return () => stop.abort();
  }, [query, upto, wanted.join()]);
  useLayoutEffect(() => {
    if (goal.current === null) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-row="${goal.current}"] button`);
    if (row === null || row === undefined) return;
    goal.current = null;
    row.focus({ preventScroll: true });
  });
  const reveal = (row: number): void => {
    const target = Math.min(Math.max(0, row), upto - 1);
    goal.current = target;
    const shown = Math.floor(viewPx / ROW_PX);
    const begin = target < first ? target : target >= first + shown - 1 ? target - shown + 2 : first;
    const px = isScaled ? (begin / (upto - viewPx / ROW_PX)) * (heightPx - viewPx) : begin * ROW_PX;
    if (begin === first) setTop(top);
    box.current?.scrollTo(0, px);
    setTop(box.current?.scrollTop ?? 0);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = Number((event.target as HTMLElement).closest<HTMLElement>('[data-row]')?.dataset.row);
    const step = STEPS[event.key]?.(Math.floor(viewPx / ROW_PX) - 2);
    if (Number.isNaN(row) || step === undefined) return;
    event.preventDefault();
    reveal(row + step);
    // A row that is there already takes the focus at once: no rendering may follow.
    box.current?.querySelector<HTMLElement>(`[data-row="${goal.current}"] button`)?.focus({ preventScroll: true });
  };
  const rows = [];
  for (let row = firstRow; row < lastRow; row++) {
    const record =
      loaded.query === query ? loaded.pages.get(Math.floor(row / PAGE_ROWS))?.[row % PAGE_ROWS] : undefined;
    const seq = Number(record?.seq);
    rows.push(
      <RecordRow
        key={row}
        row={row}
        px={Math.round(top + (row - first) * ROW_PX)}
        record={record}
        isChosen={record !== undefined && record.seq === chosen?.seq}
        isPicked={mayPick ? picked.has(seq) : null}
        onChoose={onChoose}
      />,
    );
  }
  const fresh = matched - upto;
  return (
    <div class="list">
      {fresh > 0 && (
        <button
          type="button"
          class="fresh"
          onClick={() => {
            setUpto(matched);
            box.current?.scrollTo(0, 0);
          }}
        >
          {`${fresh.toLocaleString('en')} newer`}
        </button>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the rows in it are buttons; the arrows only go between them */}
      <div class="records" ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={onKeyDown}>
        {upto === 0 && <p class="dim">&lt;no matches&gt;</p>}
        <svg class="spacer" width="1" height={heightPx} aria-hidden="true" />
        {rows}
      </div>
    </div>
  );
}

const STEPS: Readonly<Record<string, (page: number) => number>> = {
  ArrowDown: () => 1,
  ArrowUp: () => -1,
  PageDown: (page) => page,
  PageUp: (page) => -page,
  Home: () => Number.NEGATIVE_INFINITY,
  End: () => Number.POSITIVE_INFINITY,
};

/** Rows of an older state stay in view until the new ones are there. */
function withPage(
  before: Loaded,
  { query, upto }: Pick<Loaded, 'query' | 'upto'>,
  page: number,
  records: readonly Rec[],
): Loaded {
  const kept = before.query === query && before.upto === upto ? [...before.pages] : [];
  return { query, upto, pages: new Map([...kept, [page, records] as const].slice(-KEPT_PAGES)) };
}

interface RowProps {
  readonly row: number;
  readonly px: number;
  readonly record: Rec | undefined;
  readonly isChosen: boolean;
  /** Null: this console makes no cases. */
  readonly isPicked: boolean | null;
  readonly onChoose: (record: Rec) => void;
}

function RecordRow({ row, px, record, isChosen, isPicked, onChoose }: RowProps) {
  const line = useRef<HTMLDivElement>(null);
  // The page's policy forbids style attributes.
  useLayoutEffect(() => line.current?.style.setProperty('top', `${px}px`), [px]);
  const decision = record?.decision === 'deny' ? ' deny' : record?.decision === 'allow' ? ' allow' : '';
  return (
    <div ref={line} data-row={row} class={`record${decision}${isChosen ? ' chosen' : ''}`}>
      {isPicked !== null && (
        <input
          type="checkbox"
          aria-label={record === undefined ? 'not read yet' : `Record ${record.seq} in the case`}
          disabled={record === undefined}
          checked={isPicked}
          onChange={(event) => choose(Number(record?.seq), event.currentTarget.checked)}
        />
      )}
      <button type="button" onClick={() => record !== undefined && onChoose(record)}>
        {record === undefined ? (
          '…'
        ) : (
          <>
            <span class="seq">#{String(record.seq)}</span> <span class="day">{plain(record.time).slice(0, 10)}</span>{' '}
            <time>{plain(record.time).slice(11, 19)}</time>{' '}
            <b class={record.decision === 'deny' ? 'bad' : ''}>{plain(record.event)}</b> {summaryOf(record)}
          </>
        )}
      </button>
    </div>
  );
}
