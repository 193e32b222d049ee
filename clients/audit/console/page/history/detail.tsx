/** One record: what it says, why, what the same domain did before and after, and its proof. */
import { useEffect, useRef } from 'preact/hooks';
import type { ContextAnswer, Rec, Why } from '../../answers.ts';
import { useAnswer } from '../api.tsx';
import { choose, useDraft } from '../evidence/draft.tsx';
import { member, partyOf, plain, quoted, summaryOf } from '../text.tsx';

interface Props {
  readonly record: Rec;
  readonly mayPick: boolean;
  readonly onChoose: (record: Rec) => void;
  readonly onAsk: (question: string) => void;
  readonly onClose: () => void;
}

export function Detail({ record, mayPick, onChoose, onAsk, onClose }: Props) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const panel = close.current?.closest('section');
    close.current?.focus();
    return () => {
      // Closing is drawn a moment later. Whoever has gone elsewhere meanwhile is not called back.
      const now = document.activeElement;
      const isHere = now === document.body || panel?.contains(now) === true;
      if (isHere && before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const seq = Number(record.seq);
  const src = partyOf(record, 'src');
  const isPicked = useDraft().seqs.includes(seq);
  const { answer } = useAnswer<ContextAnswer>(`/api/context/${seq}`, 0);
  return (
    <section
      class="panel detail"
      aria-label={`Record ${seq}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <h2>
        Record {seq}
        <button type="button" class="quiet" ref={close} onClick={onClose}>
          Close
        </button>
      </h2>
      <p class={record.decision === 'deny' ? 'said bad' : record.decision === 'allow' ? 'said good' : 'said'}>
        {saidOf(record)}
      </p>
      <p>{whyOf(record)}</p>
      {answer !== null && <WhyText why={answer.why} />}
      <p class="actions">
        <a href={`/api/proof/${seq}`} download={`${seq}.tlog-proof`}>
          proof of this record
        </a>
        {mayPick && (
          <button type="button" class="link" onClick={() => choose(seq, !isPicked)}>
            {isPicked ? 'take it out of the case' : 'add it to the case'}
          </button>
        )}
      </p>
      {answer !== null && answer.neighbours.length > 0 && (
        <>
          <h3>Before and after, from {src}</h3>
          <ul class="plain rows neighbours">
            {withItself(answer.neighbours, record).map((one) => (
              <li key={String(one.seq)} class={one.seq === record.seq ? 'chosen' : ''}>
                {one.seq === record.seq ? (
                  <b>this record</b>
                ) : (
                  <button type="button" class="link" onClick={() => onChoose(one)}>
                    #{String(one.seq)}
                  </button>
                )}{' '}
                <span class={one.decision === 'deny' ? 'bad' : ''}>{plain(one.event)}</span> {summaryOf(one)}
              </li>
            ))}
          </ul>
          <button
            type="button"
            class="link"
            onClick={() =>
              onAsk(`src=${quoted(String(member(record.src, 'domain')))} seq>=${seq - 50} seq<=${seq + 50}`)
            }
          >
            more of them
          </button>
        </>
      )}
      <h3>The record</h3>
      <dl>
        {Object.entries(record).map(([key, value]) => (
          <div key={key}>
            <dt>{plain(key)}</dt>
            <dd>{plain(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function withItself(neighbours: readonly Rec[], record: Rec): readonly Rec[] {
  return [...neighbours, record].sort((a, b) => Number(a.seq) - Number(b.seq));
}

function WhyText({ why }: { readonly why: Why }) {
  if (why.by === 'no decision') return null;
  if (why.by === 'message') return <p class="dim">No row decided it: the message was refused for what it held.</p>;
  if (why.by === 'unknown policy') return <p class="warn">{plain(why.problem)}</p>;
  return (
    <>
      {why.row !== null && (
        <>
          <h3>
            The row that decided, in {plain(why.row.file)} of policy {why.policy.slice(0, 12)}
          </h3>
          <pre class="lines">
            {why.row.lines.map(({ number, text, isIt }) => (
              <span key={number} class={isIt ? 'it' : ''}>
                {`${String(number).padStart(4)}  ${plain(text)}\n`}
              </span>
            ))}
          </pre>
          {why.labels.length > 0 && <p class="dim">{why.labels.map(plain).join(', ')}</p>}
        </>
      )}
      {why.nearMisses.length > 0 && (
        <>
          <h3>Rows that nearly allow it</h3>
          <ul class="plain rows misses">
            {why.nearMisses.map(({ row, differsIn, because }) => (
              <li key={row}>
                {plain(row)} <b class="warn">another {plain(differsIn)}</b>: {plain(because)}
              </li>
            ))}
          </ul>
        </>
      )}
      {why.needs.some(({ allowed }) => !allowed) && (
        <>
          <h3>What such a message also needs</h3>
          <ul class="plain rows">
            {why.needs.map(({ what, allowed }) => (
              <li key={what}>
                <b class={allowed ? 'good' : 'bad'}>{allowed ? 'yes' : 'no'}</b> {plain(what)}
              </li>
            ))}
          </ul>
        </>
      )}
      {why.differences.length > 0 && (
        <p class="bad">
          The archived policy decides otherwise than the record says: {why.differences.map(plain).join('; ')}.
        </p>
      )}
    </>
  );
}

function saidOf(record: Rec): string {
  const what = `${plain(record.event)}  ${summaryOf(record)}`;
  return `${plain(record.time).slice(0, 19).replace('T', ' ')}  ${what}`;
}

function whyOf(record: Rec): string {
  if (record.decision === undefined) return 'No decision: this record states a fact.';
  const labels = (side: 'src' | 'dst'): string => {
    const found = member(record[side], 'labels');
    return Array.isArray(found) && found.length > 0 ? found.map(plain).join(' ') : 'no labels';
  };
  const rule = member(record.rule, 'file');
  const by =
    rule === undefined
      ? 'no rule allows it, and no rule is a denial'
      : `by ${plain(rule)}:${plain(member(record.rule, 'line'))} of revision ${plain(record.revision)}`;
  const said = record.decision === 'deny' ? `Denied (${plain(record.reason)})` : 'Allowed';
  return `${said}: ${by}. ${partyOf(record, 'src')} had ${labels('src')}; ${partyOf(record, 'dst')} had ${labels('dst')}.`;
}
