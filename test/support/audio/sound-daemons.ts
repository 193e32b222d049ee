/** The processes of a sound server for one test: PulseAudio, or PipeWire with its PulseAudio interface. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'uvu';
import { findBinary, needs, needsThat, type RegisterNeedy } from '../needs.ts';

export type SoundServerKind = 'pulseaudio' | 'pipewire';

const NEEDS: readonly (readonly [SoundServerKind, RegisterNeedy])[] = [
  ['pulseaudio', needs('pulseaudio', 'pulseaudio pulseaudio-utils')],
  [
    'pipewire',
    needsThat(
      () => ['dbus-daemon', 'pipewire', 'pipewire-pulse', 'wireplumber', 'pactl'].every((name) => findBinary(name)),
      'PipeWire (apt-get install pipewire pipewire-pulse wireplumber dbus-daemon pulseaudio-utils)',
    ),
  ],
];

/** Registers a test once for each of the two. */
export function onEachServer<T>(suite: Test<T>, name: string, work: (kind: SoundServerKind) => Promise<void>): void {
  for (const [kind] of NEEDS) onServer(kind, suite, name, work);
}

/** Registers a test for one of the two, if the other would add nothing. */
export function onServer<T>(
  kind: SoundServerKind,
  suite: Test<T>,
  name: string,
  work: (kind: SoundServerKind) => Promise<void>,
): void {
  for (const [each, register] of NEEDS) if (each === kind) register(suite, `${kind}: ${name}`, () => work(kind));
}

/** The socket on which `startDaemons` makes the server listen. */
export function socketOf(kind: SoundServerKind, directory: string): string {
  return join(directory, kind === 'pulseaudio' ? 'sock' : 'native');
}

/**
 * Starts the server's processes in the order of their dependencies, and adds them to `children`. There is no sink yet.
 */
export async function startDaemons(
  kind: SoundServerKind,
  directory: string,
  env: NodeJS.ProcessEnv,
  children: ChildProcess[],
): Promise<void> {
  const start = async (command: string, args: readonly string[], makes: string): Promise<void> => {
    children.push(spawn(command, args, { env, stdio: 'ignore' }));
    for (let tries = 0; !existsSync(join(directory, makes)); tries++) {
      if (tries > 400) throw new Error(`${command} did not start`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const socket = socketOf(kind, directory);
  if (kind === 'pulseaudio') {
    const args = [
      '--daemonize=no',
      '--system=false',
      '-n',
      '--exit-idle-time=-1',
      '--disable-shm=yes',
      '--log-level=1',
    ];
    await start(kind, [...args, '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`], 'sock');
    return;
  }
  // WirePlumber links streams to sinks, and does not run without a session bus.
  await start('dbus-daemon', ['--session', '--nofork', '--nopidfile', `--address=unix:path=${directory}/bus`], 'bus');
  await start('pipewire', [], 'pipewire-0');
  await start('wireplumber', [], 'pipewire-0');
  await start('pipewire-pulse', [], 'native');
}
