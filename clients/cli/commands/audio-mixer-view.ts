/** The mixer in a terminal: a table, and a view of it in which keys change what is selected. */
import { emitKeypressEvents } from 'node:readline';
import Table from 'cli-table3';
import { type Mixer, type MixerEntry, StateFlag } from '../../audio/index.ts';

const REFRESH_MS = 500;
const STEP_PERCENT = 5;
const MAX_PERCENT = 150;
const HELP = 'up/down select   left/right volume   m mute   q quit';

/** `selected`: index of the marked row; -1 = none. */
export function renderMixer(entries: readonly MixerEntry[], selected = -1): string {
  const table = new Table({ head: ['', 'vm', 'volume', 'playback', 'microphone', 'route'] });
  for (const [index, { name, volume, isMuted, route, flags }] of entries.entries()) {
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const asked = has(StateFlag.asked) ? 'asked' : '';
    const granted = has(StateFlag.granted) ? 'granted' : '';
    const hears = has(StateFlag.capturing) ? 'HEARS' : [asked, granted].filter((word) => word !== '').join(', ') || '-';
    const level = isMuted ? `muted (${volume} %)` : `${volume} %`;
    table.push([
      index === selected ? '>' : ' ',
      name,
      level,
      has(StateFlag.corked) ? 'paused' : 'on',
      hears,
      route ?? 'default',
    ]);
  }
  return entries.length === 0 ? 'no VM has sound now\n' : `${table.toString()}\n`;
}

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

/** What a key does to the selected VM; null = nothing, 'quit' = leave. Pure, so that keys can be tested without a terminal. */
export function keyAction(
  key: Key,
  entry: MixerEntry | undefined,
): ((mixer: Mixer) => Promise<unknown>) | 'quit' | null {
  if (key.name === 'q' || (key.ctrl === true && key.name === 'c')) return 'quit';
  if (entry === undefined) return null;
  const { name, volume, isMuted } = entry;
  if (key.name === 'm') return (mixer) => mixer.setMuted(name, !isMuted);
  if (key.name === 'left') return (mixer) => mixer.setVolume(name, Math.max(0, volume - STEP_PERCENT));
  if (key.name === 'right') return (mixer) => mixer.setVolume(name, Math.min(MAX_PERCENT, volume + STEP_PERCENT));
  return null;
}

/** Runs until q. */
export async function watchMixer(mixer: Mixer): Promise<void> {
  const { stdin, stdout } = process;
  let entries: readonly MixerEntry[] = await mixer.read();
  let selected = 0;
  let problem = '';
  const draw = (): void => void stdout.write(`\x1b[H\x1b[J${renderMixer(entries, selected)}${HELP}\n${problem}`);
  const refresh = async (act: (mixer: Mixer) => Promise<unknown>): Promise<void> => {
    try {
      await act(mixer);
      entries = await mixer.read();
      problem = '';
    } catch (error) {
      problem = error instanceof Error ? `${error.message}\n` : ''; // shown, and tried again with the next refresh
    }
    selected = Math.max(0, Math.min(selected, entries.length - 1));
    draw();
  };
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  const timer = setInterval(() => void refresh(async () => {}), REFRESH_MS);
  stdout.write('\x1b[?1049h\x1b[?25l');
  draw();
  try {
    await new Promise<void>((resolve) => {
      stdin.on('keypress', (_text: string | undefined, key: Key) => {
        if (key.name === 'up') selected = Math.max(0, selected - 1);
        if (key.name === 'down') selected = Math.min(entries.length - 1, selected + 1);
        const action = keyAction(key, entries[selected]);
        if (action === 'quit') resolve();
        else if (action !== null) void refresh(action);
        else draw();
      });
    });
  } finally {
    clearInterval(timer);
    stdin.setRawMode(false);
    stdin.pause();
    stdin.removeAllListeners('keypress');
    stdout.write('\x1b[?25h\x1b[?1049l');
  }
}
