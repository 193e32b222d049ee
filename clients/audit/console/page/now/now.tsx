/** Now: a map of what goes between the domains, refusals as they happen, grants, and the state of broker, policy and log. */
import { useEffect, useState } from 'preact/hooks';
import type { NowAnswer, Traffic, Unit } from '../../answers.ts';
import { useAnswer } from '../api.tsx';
import { bytes, clockTime, count, counted, partyOf, plain, quoted, rate, summaryOf } from '../text.tsx';
import { Grants } from './grants.tsx';
import { NARROW, WIDE } from './layout.ts';
import { DomainMap, type Focus, huesOf, nameOf } from './map.tsx';
import { Strip } from './strip.tsx';

const WINDOWS: readonly (readonly [minutes: number, label: string])[] = [
  [1, '1 min'],
  [15, '15 min'],
  [60, '1 hour'],
  [1440, '1 day'],
];
interface Props {
  readonly turn: number | string;
  readonly records: number;
  readonly onAsk: (question: string) => void;
}

export function Now({ turn, records, onAsk }: Props) {
  const [minutes, setMinutes] = useState(15);
  const [open, setOpen] = useState<string | null>(null);
  const [focus, setFocus] = useState<Focus | null>(null);
  const frame = useIsNarrow() ? NARROW : WIDE;
  const focused = focus === null ? null : domainIn(focus.from);
  const query = new URLSearchParams({ minutes: String(minutes), units: String(frame.most) });
  if (open !== null) query.set('open', open);
  if (focused !== null) query.set('focus', focused);
  const { answer, fault } = useAnswer<NowAnswer>(`/api/now?${query}`, turn);
  if (fault !== null && answer === null)
    return (
      <p class="bad" role="alert">
        {plain(fault)}
      </p>
    );
  if (answer === null) return <p class="empty">Reading the log…</p>;
  const refusals = answer.refusals.filter(
    (one) => focused === null || [partyOf(one, 'src'), partyOf(one, 'dst')].includes(plain(focused)),
  );
  return (
    <div class="now">
      <Cards answer={answer} minutes={minutes} records={records} />
      <section class="panel map" aria-label="Map">
        <h2>
          Who speaks to whom
          <span class="actions">
            {answer.map.open !== null && focused === null && (
              <button type="button" class="chip" onClick={() => setOpen(null)}>
                close {plain(answer.map.open || 'no label')}
              </button>
            )}
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
          </span>
        </h2>
        <Strip answer={answer} />
        <DomainMap
          map={answer.map}
          frame={frame}
          isLive={answer.isLive}
          focus={focus}
          onFocus={setFocus}
          onOpen={(label) => {
            setFocus(null);
            setOpen(label);
          }}
        />
        <Legend answer={answer} />
        <FocusLine answer={answer} focus={focus} onAsk={onAsk} onClear={() => setFocus(null)} />
      </section>
      <div class="side">
        <Grants grants={answer.grants} />
        <section class="panel refusals" aria-label="Refusals" aria-live="polite">
          <h2>Refusals{focused === null ? '' : ` of ${plain(focused)}`}</h2>
          {refusals.length === 0 && <p class="empty">Nothing was refused.</p>}
          <ul class="plain">
            {refusals.map((record) => (
              <li key={String(record.seq)}>
                <time>{plain(record.time).slice(11, 19)}</time>
                <span>
                  <b class="bad">{plain(record.event)}</b> {summaryOf(record)}{' '}
                  <button
                    type="button"
                    class="link"
                    aria-label={`Record ${String(record.seq)} in History`}
                    onClick={() => onAsk(`seq>=${Number(record.seq) - 20} seq<=${Number(record.seq) + 20}`)}
                  >
                    #{String(record.seq)}
                  </button>
                </span>
              </li>
            ))}
          </ul>
        </section>
        <Flows answer={answer} focus={focus} onFocus={setFocus} />
      </div>
    </div>
  );
}

function Cards({
  answer,
  minutes,
  records,
}: {
  readonly answer: NowAnswer;
  readonly minutes: number;
  readonly records: number;
}) {
  const { isLive, isStarted, domains, connected, messages, denied, revision, rejected, gaps, signed } = answer;
  const stretch = WINDOWS.find(([value]) => value === minutes)?.[1] ?? '';
  const unsigned = Math.max(0, records - (signed ?? 0));
  return (
    <section class="cards" aria-label="State">
      <Card
        label="Broker"
        value={isLive ? 'running' : 'not running'}
        note={isLive ? 'writes this log' : isStarted ? 'ended without a stop' : 'was stopped'}
        state={isLive ? 'good' : isStarted ? 'bad' : ''}
      />
      <Card
        label="Connected"
        value={`${connected} of ${domains}`}
        note={isLive || !isStarted ? 'domains' : 'domains, when it ended'}
      />
      <Card
        label="Traffic"
        value={isLive ? rate(answer.messageRate) : count(messages)}
        note={isLive ? `${bytes(answer.byteRate)}/s; ${count(messages)} in ${stretch}` : `messages in ${stretch}`}
      />
      <Card label="Denied" value={count(denied)} note={`in ${stretch}`} state={denied > 0 ? 'bad' : ''} />
      <Card
        label="Policy"
        value={revision === null ? '–' : `revision ${revision}`}
        note={rejected === 0 ? 'none refused since' : `${rejected} refused since`}
        state={rejected === 0 ? '' : 'warn'}
      />
      <Card
        label="Log"
        value={signed === null ? 'not signed' : unsigned === 0 ? 'all signed' : `${count(unsigned)} unsigned`}
        note={gaps === 0 ? 'always writable' : `${counted(gaps, 'time')} not writable`}
        state={gaps > 0 ? 'bad' : signed === null ? 'warn' : ''}
      />
    </section>
  );
}

interface CardProps {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly state?: '' | 'good' | 'warn' | 'bad';
}

function Card({ label, value, note, state = '' }: CardProps) {
  return (
    <div class={`card ${state}`}>
      <span class="label">{label}</span>
      <strong>{value}</strong>
      <span class="dim">{note}</span>
    </div>
  );
}

function Legend({ answer }: { readonly answer: NowAnswer }) {
  const labels = [...huesOf(answer.map.units)].filter(([label]) => label !== '');
  return (
    <p class="dim legend">
      {labels.slice(0, 8).map(([label, hue]) => (
        <span key={label}>
          <i class="dot" data-hue={hue} /> {plain(label)}
        </span>
      ))}
      <span>
        <i class="key allowed" /> allowed, as wide as its volume
      </span>
      <span>
        <i class="key denied" /> denied
      </span>
      {answer.map.hidden > 0 && <span>{answer.map.hidden} quieter flows are not drawn</span>}
      <span>up to {clockTime(answer.until)} UTC</span>
    </p>
  );
}

interface FocusProps {
  readonly answer: NowAnswer;
  readonly focus: Focus | null;
  readonly onAsk: (question: string) => void;
  readonly onClear: () => void;
}

/** What is known of the unit or the flow that the user chose. */
function FocusLine({ answer, focus, onAsk, onClear }: FocusProps) {
  const { units, arrows } = answer.map;
  const from = units.find(({ id }) => id === focus?.from);
  if (focus === null || from === undefined) return null;
  const to = units.find(({ id }) => id === focus.to);
  const concerned = arrows.filter((one) =>
    to === undefined ? one.from === from.id || one.to === from.id : one.from === from.id && one.to === to.id,
  );
  const sum = (key: keyof Traffic): number => concerned.reduce((total, one) => total + one[key], 0);
  const question = questionAbout(from, to);
  return (
    <p class="focus" role="status">
      <span>
        <b>
          {nameOf(from)}
          {to !== undefined && ` → ${nameOf(to)}`}
        </b>{' '}
        {answer.isLive && `${rate(sum('messageRate'))}, ${bytes(sum('byteRate'))}/s now; `}
        {count(sum('messages'))} messages, {bytes(sum('bytes'))}
        {sum('denied') > 0 && <span class="bad">, {count(sum('denied'))} denied</span>}
        {to === undefined && from.labels.length > 0 && <span class="dim"> {plain(from.labels.join(' '))}</span>}
      </span>
      <span class="actions">
        {question !== null && (
          <button type="button" class="link" onClick={() => onAsk(question)}>
            all records of {nameOf(from)}
          </button>
        )}
        <button type="button" class="link" onClick={onClear}>
          show all
        </button>
      </span>
    </p>
  );
}

/** Null: the grammar has no word for it. */
function questionAbout(from: Unit, to: Unit | undefined): string | null {
  const word = ({ kind, name }: Unit): string | null => (kind === 'rest' || name === '' ? null : quoted(name));
  const [a, b] = [word(from), to === undefined ? null : word(to)];
  if (a === null) return null;
  if (to === undefined) return `src=${a} OR dst=${a}`;
  return b === null ? null : `src=${a} dst=${b}`;
}

interface FlowsProps {
  readonly answer: NowAnswer;
  readonly focus: Focus | null;
  readonly onFocus: (focus: Focus | null) => void;
}

function Flows({ answer, focus, onFocus }: FlowsProps) {
  return (
    <section class="panel flows" aria-label="Flows">
      <h2>Busiest flows</h2>
      {answer.flows.length === 0 ? (
        <p class="empty">Nothing was sent in this stretch of time.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">from → to</th>
              <th scope="col">now</th>
              <th scope="col">volume</th>
              <th scope="col">messages</th>
              <th scope="col">denied</th>
            </tr>
          </thead>
          <tbody>
            {answer.flows.map((flow) => {
              const own: Focus = { from: `domain:${flow.src}`, to: `domain:${flow.dst}` };
              const isChosen = focus?.from === own.from && focus.to === own.to;
              return (
                <tr key={`${flow.src}\n${flow.dst}`} class={isChosen ? 'chosen' : ''}>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      aria-pressed={isChosen}
                      onClick={() => onFocus(isChosen ? null : own)}
                    >
                      {plain(flow.src)} → {plain(flow.dst)}
                    </button>
                  </th>
                  <td>{answer.isLive ? `${bytes(flow.byteRate)}/s` : '–'}</td>
                  <td>{bytes(flow.bytes)}</td>
                  <td>{count(flow.messages)}</td>
                  <td class={flow.denied > 0 ? 'bad' : 'dim'}>{count(flow.denied)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {answer.moreFlows > 0 && <p class="dim">and {count(answer.moreFlows)} more</p>}
    </section>
  );
}

/** The domain of a unit's id; null: it stands for several. */
function domainIn(id: string): string | null {
  return id.startsWith('domain:') ? id.slice('domain:'.length) : null;
}

const NARROW_WINDOW = '(max-width: 800px)';

function useIsNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW_WINDOW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW_WINDOW);
    const changed = (): void => setNarrow(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return isNarrow;
}
