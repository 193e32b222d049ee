/** A command that takes over the whole terminal, and leaves it as it was. */
import { emitKeypressEvents } from 'node:readline';

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

/** Ends with a key, with a signal, or with the end of the input. */
export async function runFullScreen({ draw, press, refresh, everyMs }: FullScreen): Promise<void> {
  const { stdin, stdout } = process;
  // Before the screen changes: from its first byte on, a signal must restore the terminal.
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
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
