/** The host's sound server, if one answers: PulseAudio's or PipeWire's `pacat`. Otherwise silence. */
import { spawn, spawnSync } from 'node:child_process';

const PACAT = [
  '--playback',
  '--raw',
  '--format=s16le',
  '--rate=44100',
  '--channels=2',
  '--client-name=argus-demo',
  '-',
];

export interface Speaker {
  play(pcm: Uint8Array): void;
  close(): void;
}

export function openSpeaker(): Speaker {
  const answers = spawnSync('pactl', ['info'], { stdio: 'ignore', timeout: 1_000 }).status === 0;
  if (!answers) return { play: () => {}, close: () => {} };
  const pacat = spawn('pacat', PACAT, { stdio: ['pipe', 'ignore', 'ignore'] });
  pacat.on('error', () => {}); // no pacat beside pactl: the WAV file has the sound all the same
  pacat.stdin.on('error', () => {});
  return { play: (pcm) => void pacat.stdin.write(pcm), close: () => pacat.stdin.end() };
}
