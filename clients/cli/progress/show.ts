/** Shows the progress of a command on the terminal of its user, and nowhere else. */
import { fstatSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import type { Command } from 'commander';
import { pathOf } from '../command-path.ts';
import type { ProgressStep } from './channel.ts';
import { STEPS } from './channel.ts';
import { isLasting } from './lasting.ts';
import { DEFAULT_COLUMNS, REPAINT_MS } from './limits.ts';
import { ProgressLine } from './line.ts';

const NOTHING = (): void => {};

/** @returns what ends it; may be called again */
export function showProgress(command: Command): () => void {
  const { stdout, stderr } = process;
  if (!stderr.isTTY || process.env.TERM === 'dumb' || isPiped(stdout.fd) || !isWanted(command)) return NOTHING;
  const toTerminal = stderr.write.bind(stderr);
  const line = new ProgressLine(pathOf(command).join(' '), {
    columns: stderr.columns || DEFAULT_COLUMNS,
    mono: () => performance.now(),
    write: (text) => void toTerminal(text),
  });
  const take = (step: unknown): void => line.report(step as ProgressStep);
  const release = [stdout, stderr].filter(({ isTTY }) => isTTY).map((stream) => beforeWrites(stream, line));
  const timer = setInterval(() => line.tick(), REPAINT_MS).unref();
  STEPS.subscribe(take);
  return () => {
    clearInterval(timer);
    STEPS.unsubscribe(take);
    line.clear();
    for (const each of release) each();
  };
}

/** The next program of a pipeline, such as a pager, has the terminal to itself. */
function isPiped(descriptor: number): boolean {
  const status = fstatSync(descriptor);
  return status.isFIFO() || status.isSocket();
}

/** Another program reads JSON. A command that lasts has no end that it comes nearer to. */
export function isWanted(command: Command): boolean {
  const { json, format, follow } = command.opts<{ json?: unknown; format?: unknown; follow?: unknown }>();
  return json !== true && format !== 'json' && follow !== true && !isLasting(pathOf(command));
}

/** Lets the line go before the command writes to the stream. @returns what undoes it */
function beforeWrites(stream: WriteStream, line: ProgressLine): () => void {
  const write = stream.write;
  const told = (...words: Parameters<typeof write>): boolean => {
    line.output(typeof words[0] === 'string' ? words[0] : Buffer.from(words[0]).toString('latin1'));
    return write.apply(stream, words);
  };
  stream.write = told as typeof write;
  return () => {
    stream.write = write;
  };
}
