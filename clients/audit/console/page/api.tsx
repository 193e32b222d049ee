/** Asks the console's process. */
import { useEffect, useState } from 'preact/hooks';

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal === undefined ? {} : { signal });
  const body = response.headers.get('content-type')?.startsWith('application/json') ? await response.json() : null;
  if (!response.ok) throw new Error(body?.error ?? `the console answered ${response.status}`);
  return body as T;
}

const WRITE_TOKEN = 'write';

/** The address of a welcomed browser ends with a secret for what this page may change: keep it, and forget the address. */
export function keepWriteToken(): void {
  const [, token] = /^#write=([\w-]+)$/.exec(location.hash) ?? [];
  if (token === undefined) return;
  localStorage.setItem(WRITE_TOKEN, token);
  history.replaceState(null, '', '/');
}

export async function tell<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'X-Argus-Write': localStorage.getItem(WRITE_TOKEN) ?? '' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = response.headers.get('content-type')?.startsWith('application/json') ? await response.json() : null;
  if (!response.ok) throw new Error(answer?.error ?? `the console answered ${response.status}`);
  return answer as T;
}

export interface LiveState {
  readonly records: number;
  readonly isComplete: boolean;
  readonly malformed: number;
  readonly directory: string;
  /** This console was started by an auditor with a folder for cases. */
  readonly mayMakeCases: boolean;
  readonly keys: readonly string[];
}

/** The log's state, as it changes; `isLost` while the process does not answer. */
export function useLive(): { readonly state: LiveState | null; readonly isLost: boolean } {
  const [state, setState] = useState<LiveState | null>(null);
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    const source = new EventSource('/api/live');
    source.addEventListener('state', (event) => {
      setState(JSON.parse((event as MessageEvent<string>).data));
      setLost(false);
    });
    source.onerror = () => setLost(true);
    return () => source.close();
  }, []);
  return { state, isLost };
}

/** The answer to a path, asked again whenever `turn` changes; the last answer stays until the next one is there. */
export function useAnswer<T>(path: string, turn: number): { readonly answer: T | null; readonly fault: string | null } {
  const [answer, setAnswer] = useState<T | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    ask<T>(path, stop.signal).then(
      (value) => {
        setAnswer(value);
        setFault(null);
      },
      (error: Error) => {
        if (!stop.signal.aborted) setFault(error.message);
      },
    );
    return () => stop.abort();
  }, [path, turn]);
  return { answer, fault };
}
