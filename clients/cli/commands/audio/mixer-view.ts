/** The mixer in a terminal: a printed table, and a view in which keys change the selected VM. */

import Table from 'cli-table3';
import { byText } from '../../../../broker/base/index.ts';
import { MAX_VOLUME_PERCENT, type MixerControl, type MixerEntry, StateFlag } from '../../../agents/audio/index.ts';
import { drawLines, type Key, runFullScreen } from '../../full-screen.ts';
import { PLAIN } from '../../output.ts';

const REFRESH_MS = 500;
const STEP_PERCENT = 5;
const BAR_CELLS = 15;
/** Below it the bar makes room for the words. */
const BAR_COLUMNS = 70;
const HELP = 'q quit   m mute   left/right volume   up/down select';
const NOBODY = 'no VM has sound now';

const has = ({ flags }: MixerEntry, flag: number): boolean => (flags & flag) !== 0;

function microphoneOf(entry: MixerEntry): string {
  if (has(entry, StateFlag.capturing)) return 'HEARS';
  const words = [has(entry, StateFlag.asked) ? 'asked' : '', has(entry, StateFlag.granted) ? 'granted' : ''];
  return words.filter((word) => word !== '').join(', ') || '-';
}

const playbackOf = (entry: MixerEntry): string => (has(entry, StateFlag.corked) ? 'paused' : 'on');

export function renderMixer(entries: readonly MixerEntry[]): string {
  const table = new Table({ head: ['vm', 'volume', 'playback', 'microphone', 'route'], style: PLAIN });
  for (const entry of sorted(entries)) {
    const { name, volume, isMuted, route } = entry;
    const level = isMuted ? `muted (${volume} %)` : `${volume} %`;
    table.push([name, level, playbackOf(entry), microphoneOf(entry), route ?? 'default']);
  }
  return entries.length === 0 ? `${NOBODY}\n` : `${table.toString()}\n`;
}

/** An entry as `--json` prints it, in the words of `argus audio status --json`. */
export function describeEntry(entry: MixerEntry): Readonly<Record<string, unknown>> {
  const { name, domid, volume, isMuted, route } = entry;
  return {
    vm: name,
    domid,
    asked: has(entry, StateFlag.asked),
    granted: has(entry, StateFlag.granted),
    actual: has(entry, StateFlag.capturing),
    paused: has(entry, StateFlag.corked),
    volume,
    muted: isMuted,
    route,
  };
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** What is on the screen, line by line, none wider than it. `selected` is inverted, who hears is bold. */
export function drawMixer(
  entries: readonly MixerEntry[],
  selected: string | null,
  { columns, rows }: Screen,
  problem: string,
): string[] {
  const cut = (line: string): string => line.slice(0, columns);
  const width = Math.max(2, ...entries.map(({ name }) => name.length));
  const hasBar = columns >= BAR_COLUMNS;
  const row = (name: string, bar: string, level: string, playback: string, microphone: string, route: string): string =>
    cut(
      ` ${name.padEnd(width)}  ${hasBar ? `${bar.padEnd(BAR_CELLS + 2)} ` : ''}${level.padStart(6)}  ${playback.padEnd(8)}  ${microphone.padEnd(14)}  ${route}`,
    );
  const lines = entries.map((entry) => {
    const { name, volume, isMuted, route } = entry;
    const level = isMuted ? 'muted' : `${volume} %`;
    const line = row(name, barOf(entry), level, playbackOf(entry), microphoneOf(entry), route ?? 'default');
    if (name === selected) return `\x1b[7m${line.padEnd(columns)}\x1b[0m`;
    return has(entry, StateFlag.capturing) ? `\x1b[1m${line}\x1b[0m` : line;
  });
  if (lines.length === 0) lines.push(cut(` ${NOBODY}; who plays or asks for the microphone appears here`));
  // The selected one stays in sight however many there are.
  const room = Math.max(1, rows - 4);
  const at = Math.max(
    0,
    entries.findIndex(({ name }) => name === selected),
  );
  const first = Math.max(0, Math.min(at - room + 1, lines.length - room));
  const more = lines.length > room ? `   ${lines.length} VMs` : '';
  return [
    cut(row('VM', 'VOLUME', hasBar ? '' : 'VOLUME', 'PLAYBACK', 'MICROPHONE', 'ROUTE')),
    ...lines.slice(first, first + room),
    '',
    cut(` ${HELP}${more}`),
    cut(problem === '' ? '' : ` ${problem}`),
  ].slice(0, rows);
}

/** A cell is 10 %. The volume of a muted VM is dotted. */
function barOf({ volume, isMuted }: MixerEntry): string {
  const filled = Math.round((volume / MAX_VOLUME_PERCENT) * BAR_CELLS);
  return `[${(isMuted ? '.' : '#').repeat(filled).padEnd(BAR_CELLS)}]`;
}

/** The effect of a key on the selected VM, and on the selection. */
export type KeyAction =
  | { readonly kind: 'volume'; readonly percent: number }
  | { readonly kind: 'mute'; readonly isMuted: boolean }
  | { readonly kind: 'select'; readonly by: 1 | -1 }
  | { readonly kind: 'quit' };

/** Null = nothing. Pure, so that keys can be tested without a terminal. */
export function keyAction({ name, ctrl }: Key, entry: MixerEntry | undefined): KeyAction | null {
  if (name === 'q' || name === 'escape' || (ctrl === true && (name === 'c' || name === 'd'))) return { kind: 'quit' };
  if (name === 'up' || name === 'k') return { kind: 'select', by: -1 };
  if (name === 'down' || name === 'j') return { kind: 'select', by: 1 };
  if (entry === undefined) return null;
  const { volume, isMuted } = entry;
  if (name === 'm') return { kind: 'mute', isMuted: !isMuted };
  if (name === 'left' || name === 'h') return { kind: 'volume', percent: Math.max(0, volume - STEP_PERCENT) };
  if (name === 'right' || name === 'l')
    return { kind: 'volume', percent: Math.min(MAX_VOLUME_PERCENT, volume + STEP_PERCENT) };
  return null;
}

/** Runs until a key or a signal ends it, and leaves the terminal as it was. */
export async function watchMixer(mixer: MixerControl): Promise<void> {
  const { stdout } = process;
  let entries = sorted(await mixer.read());
  let selected = entries[0]?.name ?? null;
  let problem = '';
  /** Changes not yet answered: until then the screen shows what the keys said. */
  let pending = 0;
  const draw = (): void => {
    drawLines(drawMixer(entries, selected, { columns: stdout.columns, rows: stdout.rows }, problem));
  };
  const ask = async (work: () => Promise<unknown>): Promise<void> => {
    pending++;
    try {
      await work();
      const now = pending === 1 ? sorted(await mixer.read()) : entries;
      if (pending === 1) entries = now;
      problem = '';
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error); // shown, and tried again with the next refresh
    }
    pending--;
    if (!entries.some(({ name }) => name === selected)) selected = entries[0]?.name ?? null;
    draw();
  };
  const press = (key: Key): 'quit' | null => {
    const at = entries.findIndex(({ name }) => name === selected);
    const entry = entries[at];
    const action = keyAction(key, entry);
    if (action?.kind === 'quit') return 'quit';
    if (action?.kind === 'select') selected = entries[at + action.by]?.name ?? selected;
    if (entry !== undefined && action?.kind === 'volume') {
      entries = entries.map((each) => (each === entry ? { ...each, volume: action.percent } : each));
      void ask(() => mixer.setVolume(entry.name, action.percent));
    }
    if (entry !== undefined && action?.kind === 'mute') {
      entries = entries.map((each) => (each === entry ? { ...each, isMuted: action.isMuted } : each));
      void ask(() => mixer.setMuted(entry.name, action.isMuted));
    }
    draw();
    return null;
  };
  await runFullScreen({
    draw,
    press,
    refresh: () => void (pending === 0 && ask(async () => {})),
    everyMs: REFRESH_MS,
  });
}

function sorted(entries: readonly MixerEntry[]): readonly MixerEntry[] {
  return [...entries].sort((a, b) => byText(a.name, b.name));
}
