/** Who may do what to whom, coloured by use: sources are rows, destinations are columns. */
import { useState } from 'preact/hooks';
import type { MatrixAccess, PolicyAnswer } from '../../answers.ts';
import { count, plain, quoted } from '../text.tsx';

/** More domains than this do not fit on a screen: those with denials come first, then those with use. */
const SHOWN_DOMAINS = 40;

const SIGNS = { used: '●', unused: '○', tried: '✕' } as const;
const TONES = { used: 'good', unused: 'dim', tried: 'bad' } as const;
const WORDS = {
  used: 'allowed and used',
  unused: 'allowed and never used',
  tried: 'denied and tried',
} as const;

interface Cell {
  readonly state: MatrixAccess['state'];
  readonly accesses: readonly MatrixAccess[];
}

interface Props {
  readonly policy: PolicyAnswer;
  readonly onAsk: (question: string) => void;
}

export function Matrix({ policy, onAsk }: Props) {
  const [label, setLabel] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const cells = cellsOf(policy.accesses);
  const labels = [...new Set(policy.domains.flatMap((domain) => domain.labels))].sort();
  const matching = [...policy.domains, ...strangersOf(policy)].filter(
    (domain) => label === '' || domain.labels.includes(label),
  );
  const names = mostActive(
    matching.map(({ name }) => name),
    policy.accesses,
  );
  return (
    <section class="panel" aria-label="Matrix">
      <h2>
        Who may do what to whom
        <select aria-label="Label" value={label} onChange={(event) => setLabel(event.currentTarget.value)}>
          <option value="">all labels</option>
          {labels.map((one) => (
            <option key={one} value={one}>
              {plain(one)}
            </option>
          ))}
        </select>
      </h2>
      <p class="dim">
        {(['used', 'unused', 'tried'] as const).map((state) => (
          <span key={state} class="sign">
            <b class={TONES[state]}>{SIGNS[state]}</b> {WORDS[state]}
          </span>
        ))}
        A cell with several shows the worst. Choose a cell, a row or a column for its permissions.
      </p>
      {names.length < matching.length && (
        <p class="warn">{`showing ${names.length} of ${matching.length} domains; choose a label to see others`}</p>
      )}
      <section class="wide" tabindex={0} aria-label="Matrix of permissions">
        <table class="matrix">
          <thead>
            <tr>
              <td />
              {names.map((name) => (
                <th key={name} scope="col">
                  <Line name={keyOf('', name)} text={plain(name)} chosen={chosen} onChoose={setChosen} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((source) => (
              <tr key={source}>
                <th scope="row">
                  <Line name={keyOf(source, '')} text={plain(source)} chosen={chosen} onChoose={setChosen} />
                </th>
                {names.map((destination) => (
                  <MatrixCell
                    key={destination}
                    name={keyOf(source, destination)}
                    cell={cells.get(keyOf(source, destination))}
                    isChosen={chosen === keyOf(source, destination)}
                    onChoose={setChosen}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {chosen !== null && <Permissions name={chosen} accesses={policy.accesses} onAsk={onAsk} />}
    </section>
  );
}

interface LineProps {
  readonly name: string;
  readonly text: string;
  readonly chosen: string | null;
  readonly onChoose: (name: string | null) => void;
}

/** The name of a row or a column. */
function Line({ name, text, chosen, onChoose }: LineProps) {
  const isChosen = chosen === name;
  return (
    <button type="button" class="line" aria-pressed={isChosen} onClick={() => onChoose(isChosen ? null : name)}>
      {text}
    </button>
  );
}

interface CellProps {
  readonly name: string;
  readonly cell: Cell | undefined;
  readonly isChosen: boolean;
  readonly onChoose: (name: string | null) => void;
}

function MatrixCell({ name, cell, isChosen, onChoose }: CellProps) {
  const [access] = cell?.accesses ?? [];
  if (cell === undefined || access === undefined) return <td />;
  return (
    <td>
      <button
        type="button"
        class={cell.state}
        aria-pressed={isChosen}
        aria-label={`${plain(access.source)} to ${plain(access.destination)}: ${WORDS[cell.state]}`}
        onClick={() => onChoose(isChosen ? null : name)}
      >
        {SIGNS[cell.state]}
      </button>
    </td>
  );
}

interface PermissionsProps {
  /** Of a cell, a row or a column. */
  readonly name: string;
  readonly accesses: readonly MatrixAccess[];
  readonly onAsk: (question: string) => void;
}

function Permissions({ name, accesses, onAsk }: PermissionsProps) {
  const [source = '', destination = ''] = name.split(SEPARATOR);
  const isPair = source !== '' && destination !== '';
  const found = accesses.filter(
    (one) => (source === '' || one.source === source) && (destination === '' || one.destination === destination),
  );
  const question = [
    ...(source === '' ? [] : [`src=${quoted(source)}`]),
    ...(destination === '' ? [] : [`dst=${quoted(destination)}`]),
  ].join(' ');
  return (
    <section role="status" class="permissions">
      <h3>
        {plain(source || 'all')} → {plain(destination || 'all')}{' '}
        <button type="button" class="link" onClick={() => onAsk(question)}>
          records
        </button>
      </h3>
      {found.length === 0 && <p class="empty">Nothing is allowed, and nothing was tried.</p>}
      <ul class="plain rows" tabindex={0} aria-label="Permissions">
        {found.map((one) => (
          <li key={`${one.source}\n${one.destination}\n${one.className} ${one.permission}`}>
            <b class={TONES[one.state]}>{SIGNS[one.state]}</b>{' '}
            {!isPair && `${plain(one.source)} → ${plain(one.destination)} `}
            {plain(one.className)}:{plain(one.permission)} {WORDS[one.state]}
            {one.allowed > 0 && `, ${count(one.allowed)} times allowed`}
            {one.denied > 0 && `, ${count(one.denied)} times denied`}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Names hold no line break. */
const SEPARATOR = '\n';

function keyOf(source: string, destination: string): string {
  return `${source}${SEPARATOR}${destination}`;
}

const RANK = { tried: 2, used: 1, unused: 0 } as const;

function cellsOf(accesses: readonly MatrixAccess[]): ReadonlyMap<string, Cell> {
  const cells = new Map<string, Cell>();
  for (const access of accesses) {
    const key = keyOf(access.source, access.destination);
    const before = cells.get(key);
    const state = before !== undefined && RANK[before.state] > RANK[access.state] ? before.state : access.state;
    cells.set(key, { state, accesses: [...(before?.accesses ?? []), access] });
  }
  return cells;
}

/** Names of the log that the policy does not have: a domain of another time, or a forged record. */
function strangersOf({ domains, accesses }: PolicyAnswer): PolicyAnswer['domains'] {
  const known = new Set(domains.map(({ name }) => name));
  const names = new Set(accesses.flatMap(({ source, destination }) => [source, destination]));
  return [...names].filter((name) => !known.has(name)).map((name) => ({ name, labels: [] }));
}

/** In the order of the policy, when all fit. */
function mostActive(names: readonly string[], accesses: readonly MatrixAccess[]): readonly string[] {
  if (names.length <= SHOWN_DOMAINS) return names;
  const ranks = new Map<string, number>();
  for (const { source, destination, state } of accesses)
    for (const name of [source, destination]) ranks.set(name, Math.max(ranks.get(name) ?? 0, RANK[state]));
  return names.toSorted((a, b) => (ranks.get(b) ?? 0) - (ranks.get(a) ?? 0)).slice(0, SHOWN_DOMAINS);
}
