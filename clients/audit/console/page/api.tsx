/** Asks the console's process. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveState } from '../answers.ts';

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

/**
 * The answer to a path, asked again whenever `turn` changes; the last answer stays until the next one is there. One
 * request at a time: a log that changes faster than it can be asked about neither piles up requests nor starves.
 */
export function useAnswer<T>(
  path: string,
  turn: number | string,
): { readonly answer: T | null; readonly fault: string | null } {
  const [answer, setAnswer] = useState<T | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const again = useRef<() => void>(() => undefined);
  const asked = useRef<number | string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    let [isAsking, isStale] = [false, false];
    const go = async (): Promise<void> => {
      isStale = true;
      if (isAsking) return;
      isAsking = true;
      while (isStale && !stop.signal.aborted) {
        isStale = false;
        try {
          const value = await ask<T>(path, stop.signal);
          if (stop.signal.aborted) return;
          setAnswer(value);
          setFault(null);
        } catch (error) {
          if (!stop.signal.aborted) setFault(error instanceof Error ? error.message : String(error));
        }
      }
      isAsking = false;
    };
    asked.current = turn;
    again.current = () => void go();
    again.current();
    return () => stop.abort();
  }, [path]);
  useEffect(() => {
    if (asked.current === turn) return;
    asked.current = turn;
    again.current();
  }, [turn]);
  return { answer, fault };
}

/** Counts up as time passes. */
export function useEvery(ms: number): number {
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTimes((before) => before + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return times;
}
