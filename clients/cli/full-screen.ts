/** A command that takes over the whole terminal, and leaves it as it was. */
import { emitKeypressEvents } from 'node:readline';
import { untilInterrupted, whenInterrupted } from './interrupt.ts';

/** A key as `node:readline` reports it. */
export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

export interface FullScreen {
  draw(): void;
  /** A key was pressed. */
  press(key: Key): 'quit' | null;
  /** Called every `everyMs`. */
  refresh(): void;
  readonly everyMs: number;
}

/** Replaces what the screen shows. */
export function drawLines(lines: readonly string[]): void {
  process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
}

/** The terminal that is gone says so with SIGHUP. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Ends with a key, with a signal, or with the end of the input. */
export function runFullScreen(screen: FullScreen): Promise<void> {
  return untilInterrupted((signal) => show(screen, signal), { signals: ENDING });
}

async function show({ draw, press, refresh, everyMs }: FullScreen, signal: AbortSignal): Promise<void> {
  const { stdin, stdout } = process;
  const ended = new Promise<void>((resolve) => {
    void whenInterrupted(signal).then(resolve);
    stdin.once('end', () => resolve());
    stdin.on('keypress', (_text: string | undefined, key: Key) => void (press(key) === 'quit' && resolve()));
  });
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  stdout.write('\x1b[?1049h\x1b[?25l');
  draw();
  const timer = setInterval(refresh, everyMs);
  stdout.on('resize', draw);
  try {
    await ended;
  } finally {
    clearInterval(timer);
    stdout.off('resize', draw);
    stdin.removeAllListeners('keypress');
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write('\x1b[?25h\x1b[?1049l');
  }
}
