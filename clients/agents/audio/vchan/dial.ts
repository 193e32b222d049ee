/**
 * The client's end of a vchan: connects to a socket on which the other program listens, or will listen. Qubes' programs
 * accept one peer and listen again after it, so a dialler tries again until it is accepted, as libvchan_client_init does.
 */
import { connect, type Socket } from 'node:net';
import { VCHAN_RETRY_MS } from '../limits.ts';
import type { AudioClock } from '../pcm/audio-clock.ts';

/** One attempt: null when no program listens there now. */
export type Attempt = (path: string) => Promise<Socket | null>;

export const attemptUnix: Attempt = (path) =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(null)); // after the connection, the close event follows and is handled
  });

/** Null when `signal` aborted first. */
export async function dialVchan(
  path: string,
  clock: AudioClock,
  signal: AbortSignal,
  attempt: Attempt = attemptUnix,
): Promise<Socket | null> {
  while (!signal.aborted) {
    const socket = await attempt(path);
    if (socket !== null && !signal.aborted) return socket;
    socket?.destroy();
    await pause(clock, signal);
  }
  return null;
}

/** Resolves after VCHAN_RETRY_MS, or when `signal` aborts. */
export function pause(clock: AudioClock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(VCHAN_RETRY_MS, done);
    signal.addEventListener('abort', done);
  });
}
