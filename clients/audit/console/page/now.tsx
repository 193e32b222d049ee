/** Now: a map of the domains and of what goes between them, refusals as they happen, grants, and the state of the log. */
import { useState } from 'preact/hooks';
import { useAnswer } from './api.tsx';
import { DomainMap } from './map.tsx';
import { clockTime, count, member, partyOf, plain, quoted, type Rec, summaryOf } from './text.tsx';

export interface NowAnswer {
  readonly until: number;
  readonly windowMs: number;
  readonly domains: readonly {
    readonly name: string;
    readonly labels: readonly string[];
    readonly isConnected: boolean;
  }[];
  readonly edges: readonly {
    readonly src: string;
    readonly dst: string;
    readonly messages: number;
    readonly bytes: number;
    readonly denied: number;
  }[];
  readonly refusals: readonly Rec[];
  readonly grants: readonly Rec[];
  readonly revision: number | null;
  readonly policy: string | null;
  readonly gaps: number;
  readonly isRunning: boolean;
}

const WINDOWS: readonly (readonly [minutes: number, label: string])[] = [
  [1, '1 minute'],
  [15, '15 minutes'],
  [60, '1 hour'],
  [1440, '1 day'],
];

export function Now({ turn, onAsk }: { readonly turn: number; readonly onAsk: (question: string) => void }) {
  const [minutes, setMinutes] = useState(15);
  const [focus, setFocus] = useState<string | null>(null);
  const { answer, fault } = useAnswer<NowAnswer>(`/api/now?minutes=${minutes}`, turn);
  if (fault !== null) return <p class="bad">{fault}</p>;
  if (answer === null) return <p>reading the log</p>;
  const denied = answer.edges.reduce((sum, edge) => sum + edge.denied, 0);
  const messages = answer.edges.reduce((sum, edge) => sum + edge.messages, 0);
  const refusals =
    focus === null
      ? answer.refusals
      : answer.refusals.filter((one) => partyOf(one, 'src') === focus || partyOf(one, 'dst') === focus);
  return (
    <div class="now">
      <section class="cards" aria-label="State">
        <Card label="broker" value={answer.isRunning ? 'running' : 'stopped'} isBad={!answer.isRunning} />
        <Card
          label="connected"
          value={`${answer.domains.filter((one) => one.isConnected).length} of ${answer.domains.length}`}
        />
        <Card label="messages" value={count(messages)} />
        <Card label="denied" value={count(denied)} isBad={denied > 0} />
        <Card label="policy" value={answer.revision === null ? '–' : `revision ${answer.revision}`} />
        <Card label="log not writable" value={`${answer.gaps} times`} isBad={answer.gaps > 0} />
      </section>
      <section class="panel map" aria-label="Map">
        <h2>
          Who speaks to whom
          <select
            aria-label="Stretch of time"
            value={minutes}
            onChange={(event) => setMinutes(Number(event.currentTarget.value))}
          >
            {WINDOWS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </h2>
        <DomainMap now={answer} focus={focus} onFocus={setFocus} />
        <p class="dim">
          up to {clockTime(answer.until)} UTC; line width is the number of messages, red is denied
          {focus !== null && (
            <>
              {' · '}
              <button type="button" class="link" onClick={() => onAsk(`src=${quoted(focus)} OR dst=${quoted(focus)}`)}>
                all records of {plain(focus)}
              </button>
            </>
          )}
        </p>
      </section>
      <section class="panel" aria-label="Grants">
        <h2>Grants</h2>
        {answer.grants.length === 0 ? (
          <p class="dim">none</p>
        ) : (
          <ul class="plain">
            {answer.grants.map((grant) => (
              <GrantItem key={String(grant.seq)} grant={grant} />
            ))}
          </ul>
        )}
      </section>
      <section class="panel refusals" aria-label="Refusals" aria-live="polite">
        <h2>Refusals{focus === null ? '' : ` of ${plain(focus)}`}</h2>
        {refusals.length === 0 && <p class="dim">none</p>}
        <ul class="plain">
          {refusals.map((record) => (
            <li key={String(record.seq)}>
              <button
                type="button"
                class="link"
                onClick={() => onAsk(`seq>=${Number(record.seq) - 20} seq<=${Number(record.seq) + 20}`)}
              >
                #{String(record.seq)}
              </button>{' '}
              <time>{plain(record.time).slice(11, 19)}</time> <b class="bad">{plain(record.event)}</b>{' '}
              {summaryOf(record)}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function Card({
  label,
  value,
  isBad = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly isBad?: boolean;
}) {
  return (
    <div class="card">
      <span class="dim">{label}</span>
      <strong class={isBad ? 'bad' : ''}>{value}</strong>
    </div>
  );
}

function GrantItem({ grant }: { readonly grant: Rec }) {
  const until = Date.parse(String(member(grant.detail, 'until') ?? member(grant.detail, 'expires') ?? ''));
  const left = Number.isNaN(until) ? null : Math.max(0, Math.round((until - Date.now()) / 1000));
  return (
    <li>
      <b>{partyOf(grant, 'src')}</b> has <b class="warn">{plain(member(grant.detail, 'label') ?? '?')}</b>
      {left === null ? ' until it is revoked' : ` for ${left} s more`}
    </li>
  );
}
