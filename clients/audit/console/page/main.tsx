/** The console's page: a bar of views, and the view. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { LiveState } from '../answers.ts';
import { keepWriteToken, useLive } from './api.tsx';
import { Cases } from './evidence/cases.tsx';
import { Evidence } from './evidence/evidence.tsx';
import { History } from './history/history.tsx';
import { Now } from './now/now.tsx';
import { go, placeOf, VIEWS } from './place.ts';
import { PolicyView } from './policy/policy.tsx';
import { counted, plain } from './text.tsx';

const NO_WITNESSES = { places: [], isConfigured: false, quorum: 0 } as const;

function App() {
  const { state: newest, isLost } = useLive();
  const [paused, setPaused] = useState<LiveState | null>(null);
  // A page that is paused shows the state of that moment, and nothing on it moves.
  const state = paused ?? newest;
  useEffect(() => {
    document.documentElement.dataset.paused = String(paused !== null);
  }, [paused]);
  const [place, setPlace] = useState(placeOf(location.hash));
  useEffect(() => {
    const moved = (): void => setPlace(placeOf(location.hash));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  const turn = `${state?.records ?? 0} ${state?.isComplete === true} ${state?.isLive === true}`;
  const ask = (question: string): void => go('history', { question });
  return (
    <>
      <header>
        <h1>
          <Eye /> Argus
        </h1>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a key={view} href={`#${view}`} aria-current={view === place.view ? 'page' : undefined}>
              {view}
            </a>
          ))}
        </nav>
        <Status state={state} isLost={isLost} />
        <button
          type="button"
          class="quiet"
          aria-pressed={paused !== null}
          onClick={() => setPaused(paused === null ? newest : null)}
        >
          {paused === null ? 'pause' : 'go on'}
        </button>
        <ThemeButton />
      </header>
      <main>
        {place.view === 'now' && <Now turn={turn} records={state?.records ?? 0} onAsk={ask} />}
        {place.view === 'history' && (
          <History turn={turn} newest={state?.newest ?? null} place={place} mayPick={state?.mayMakeCases === true} />
        )}
        {place.view === 'policy' && <PolicyView turn={turn} onAsk={ask} />}
        {place.view === 'evidence' && (
          <Evidence keys={state?.keys ?? []} witnesses={state?.witnesses ?? NO_WITNESSES} />
        )}
        {place.view === 'cases' && <Cases onAsk={ask} />}
      </main>
    </>
  );
}

function Status({ state, isLost }: { readonly state: LiveState | null; readonly isLost: boolean }) {
  if (isLost)
    return (
      <p class="status bad" role="status">
        the console's process does not answer; trying again
      </p>
    );
  if (state === null)
    return (
      <p class="status" role="status">
        connecting
      </p>
    );
  const bad = state.malformed > 0 ? `, ${counted(state.malformed, 'line')} not a record` : '';
  const { bytes, total } = state.reading;
  const share = total === 0 ? 0 : Math.floor((100 * bytes) / total);
  return (
    <p class={`status${bad === '' ? '' : ' bad'}`} role="status" title={plain(state.directory)}>
      {!state.isComplete && (
        <>
          <progress aria-label="Read so far" value={bytes} max={Math.max(1, total)} /> reading, {share} %:{' '}
        </>
      )}
      {counted(state.records, 'record')}
      {bad} <span class={`live ${state.isLive ? 'good' : ''}`}>{state.isLive ? 'live' : 'no broker'}</span>
    </p>
  );
}

function Eye() {
  return (
    <svg class="eye" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path d="M1.5 12 C5 5.5 19 5.5 22.5 12 C19 18.5 5 18.5 1.5 12 Z" />
      <circle cx="12" cy="12" r="4.2" />
      <circle class="pupil" cx="12" cy="12" r="1.7" />
    </svg>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(localStorage.getItem('theme') ?? 'auto');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
  }, [theme]);
  const next = { auto: 'dark', dark: 'light', light: 'auto' }[theme] ?? 'auto';
  return (
    <button
      type="button"
      class="quiet theme"
      onClick={() => setTheme(next)}
      aria-label={`Colours: ${theme}; change to ${next}`}
    >
      ◐<span> {theme}</span>
    </button>
  );
}

keepWriteToken();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
