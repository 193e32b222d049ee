/**
 * The end of a command that lasts: a signal ends it in order, at any moment.
 *
 * The command listens before it opens anything. The first thing that others see of it, such as a socket, a line or a screen,
 * may be what they wait for to send the signal. A signal during the start is not lost: it ends what can be given up, and
 * the rest ends as soon as it has started.
 */

/** The signals of service managers and terminals. SIGHUP is left alone: `nohup` has it ignored, and a listener would undo that. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];

/** The reason of an aborted signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface InterruptOptions {
  readonly signals?: readonly NodeJS.Signals[];
  /** How many signals the command listens to. The one after them ends the process at once, as it ends any program. */
  readonly times?: 1 | 2;
  /** Where the signals come from: the process. */
  readonly source?: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

/**
 * Runs a command that listens from before its first step. `interrupted` is aborted by the first signal, `again` by the
 * second one. A command that fails because it gave up has ended in order.
 */
export async function untilInterrupted(
  run: (interrupted: AbortSignal, again: AbortSignal) => Promise<void>,
  { signals = ENDING, times = 1, source = process }: InterruptOptions = {},
): Promise<void> {
  const [first, second] = [new AbortController(), new AbortController()];
  const left = [first, second].slice(0, times);
  const hear = (signal: NodeJS.Signals): void => {
    left.shift()?.abort(new Interrupted(`ended by ${signal}`));
    if (left.length === 0) stopListening();
  };
  const stopListening = (): void => {
    for (const signal of signals) source.off(signal, hear);
  };
  for (const signal of signals) source.on(signal, hear);
  try {
    await run(first.signal, second.signal);
  } catch (error) {
    if (!isGivenUp(error)) throw error;
  } finally {
    stopListening();
  }
}

/** Resolves when `signal` is aborted, also when it was aborted before. */
export function whenInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Timers and `connect()` wrap the reason of the signal that they gave up for. */
function isGivenUp(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.cause instanceof Interrupted);
}
