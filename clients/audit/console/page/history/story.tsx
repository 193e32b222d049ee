/** What the records that answer a question tell together: new pairs, probes, ways that were opened, the way of data. */
import { useEffect } from 'preact/hooks';
import type { ReportAnswer, ReportName } from '../../answers.ts';
import { useAnswer } from '../api.tsx';
import { count, plain } from '../text.tsx';

const WORDS: Readonly<Record<ReportName, { readonly about: string; readonly empty: string }>> = {
  'first-seen': {
    about: 'Pairs that spoke for the first time ever; the question says which of these are shown.',
    empty: 'No pair spoke for the first time in these records.',
  },
  probes: {
    about: 'Sources that were denied something; those that tried the most different things stand first.',
    empty: 'Nothing was denied in these records.',
  },
  opened: {
    about: 'What was denied and is allowed later, and what was changed between.',
    empty: 'Nothing that was denied was allowed later in these records.',
  },
  way: {
    about:
      'Can data have gone from one domain to another, by messages that were really sent, each after the one before?',
    empty: 'No message of these records leads there.',
  },
};

interface Props {
  readonly name: ReportName;
  readonly turn: number | string;
  readonly newest: number | null;
  readonly question: string;
  readonly from: string;
  readonly to: string;
  readonly onWay: (from: string, to: string) => void;
  /** @param seq the number of a record */
  readonly onChoose: (seq: number) => void;
  readonly onFault: (fault: string | null) => void;
}

export function Story({ name, turn, newest, question, from, to, onWay, onChoose, onFault }: Props) {
  const query = new URLSearchParams({ name, q: question, from, to });
  const { answer, fault } = useAnswer<ReportAnswer>(`/api/report?${query}`, turn);
  useEffect(() => onFault(fault), [fault]);
  if (fault !== null) return null;
  if (answer === null) return <p class="empty">Reading the log…</p>;
  const { about, empty } = WORDS[name];
  const isUnasked = name === 'way' && from === '';
  return (
    <section class="panel story" aria-label="Story">
      <p class="dim">
        {about} {newest !== null && <span class="warn">Only the newest records were read yet.</span>}
      </p>
      {name === 'way' && <Ends domains={answer.domains} from={from} to={to} onWay={onWay} />}
      {isUnasked ? (
        <p class="empty">Choose where the data was.</p>
      ) : answer.rows.length === 0 ? (
        <p class="empty" role="status">
          {name === 'way' && to === '' ? 'No message of these records leads away from it.' : empty}
        </p>
      ) : (
        <>
          {name === 'way' && (
            <p role="status">
              {to === ''
                ? `Data of ${plain(from)} can have got to ${answer.total === 1 ? 'this domain' : `these ${count(answer.total)} domains`}, by these messages first:`
                : `Yes, in ${answer.total === 1 ? 'one step' : `${answer.total} steps`}:`}
            </p>
          )}
          <Told answer={answer} onChoose={onChoose} />
          {answer.total > answer.rows.length && (
            <p class="dim">{`showing ${answer.rows.length} of ${answer.total.toLocaleString('en')}`}</p>
          )}
        </>
      )}
    </section>
  );
}

interface EndsProps extends Pick<Props, 'from' | 'to' | 'onWay'> {
  readonly domains: readonly string[];
}

function Ends({ domains, from, to, onWay }: EndsProps) {
  return (
    <p class="ends">
      <label>
        From{' '}
        <select aria-label="From" value={from} onChange={(event) => onWay(event.currentTarget.value, to)}>
          <option value="">choose a domain</option>
          {domains.map((domain) => (
            <option key={domain} value={domain}>
              {plain(domain)}
            </option>
          ))}
        </select>
      </label>
      <label>
        to{' '}
        <select
          aria-label="To"
          value={to}
          disabled={from === ''}
          onChange={(event) => onWay(from, event.currentTarget.value)}
        >
          <option value="">all that it can have got to</option>
          {domains
            .filter((domain) => domain !== from)
            .map((domain) => (
              <option key={domain} value={domain}>
                {plain(domain)}
              </option>
            ))}
        </select>
      </label>
    </p>
  );
}

function Told({ answer: { columns, rows }, onChoose }: { readonly answer: ReportAnswer } & Pick<Props, 'onChoose'>) {
  return (
    <section class="wide" tabindex={0} aria-label="Rows of the story">
      <table class="told">
        <thead>
          <tr>
            {columns.map(({ name, kind }) => (
              <th key={name} scope="col" class={`is-${kind}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.join('\n')}>
              {columns.map(({ name, kind }, at) => (
                <td key={name} class={`is-${kind}`}>
                  <Value kind={kind} value={row[at] ?? ''} onChoose={onChoose} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ValueProps extends Pick<Props, 'onChoose'> {
  readonly kind: ReportAnswer['columns'][number]['kind'];
  readonly value: string | number;
}

function Value({ kind, value, onChoose }: ValueProps) {
  if (typeof value === 'string') return <>{/^\d{4}-\d\d-\d\dT/.test(value) ? clock(value) : plain(value)}</>;
  if (kind !== 'record') return <>{value.toLocaleString('en')}</>;
  return (
    <button type="button" class="link" onClick={() => onChoose(value)}>
      #{value}
    </button>
  );
}

function clock(time: string): string {
  return plain(time).slice(0, 19).replace('T', ' ');
}
