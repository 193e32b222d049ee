/** One record: what it says, why, what stands around it, and its proof. */
import { useEffect, useRef } from 'preact/hooks';
import { choose, useDraft } from './draft.tsx';
import { member, partyOf, plain, quoted, type Rec } from './text.tsx';

interface Props {
  readonly record: Rec;
  readonly mayPick: boolean;
  readonly onAsk: (question: string) => void;
  readonly onClose: () => void;
}

export function Detail({ record, mayPick, onAsk, onClose }: Props) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), [record]);
  const seq = Number(record.seq);
  const src = partyOf(record, 'src');
  const isPicked = useDraft().seqs.includes(seq);
  return (
    <section class="panel detail" aria-label={`Record ${seq}`}>
      <h2>
        Record {seq}
        <button type="button" class="quiet" ref={close} onClick={onClose}>
          Close
        </button>
      </h2>
      <p>{whyOf(record)}</p>
      <p>
        {src !== '' && (
          <button
            type="button"
            class="link"
            onClick={() =>
              onAsk(`src=${quoted(String(member(record.src, 'domain')))} seq>=${seq - 50} seq<=${seq + 50}`)
            }
          >
            before and after, from {src}
          </button>
        )}{' '}
        <a href={`/api/proof/${seq}`} download={`${seq}.tlog-proof`}>
          proof of this record
        </a>{' '}
        {mayPick && (
          <button type="button" class="link" onClick={() => choose(seq, !isPicked)}>
            {isPicked ? 'take it out of the case' : 'add it to the case'}
          </button>
        )}
      </p>
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
