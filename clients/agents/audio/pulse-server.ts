/**
 * PulseAudio, or PipeWire in its place, by `pacat` and `parec`: one process a stream, so that what a sound server does to
 * one VM's stream happens to no other. PULSE_SERVER and the like come from the environment.
 */
import { spawn } from 'node:child_process';
import { CAPTURE_LATENCY_BYTES, PLAYBACK_LATENCY_BYTES, WRITE_AHEAD_MS } from './limits.ts';
import { CHANNELS, SAMPLE_RATE_HZ } from './pcm.ts';
import type { CaptureStream, OnLost, PlaybackStream, SoundServer } from './sound-server.ts';

const FORMAT = ['--raw', '--format=s16le', `--rate=${SAMPLE_RATE_HZ}`, `--channels=${CHANNELS}`];

/** Mixers show both names; qubes-gui-daemon sets them alike. */
function named(vm: string): string[] {
  return [`--client-name=${vm}`, `--stream-name=${vm}`];
}

export class PulseServer implements SoundServer {
  readonly writeAheadMs = WRITE_AHEAD_MS;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  openPlayback(vm: string, device: string | null, onLost: OnLost): PlaybackStream {
    const route = device === null ? [] : [`--device=${device}`];
    const args = ['--playback', ...FORMAT, `--latency=${PLAYBACK_LATENCY_BYTES}`, ...named(vm), ...route];
    const child = spawn('pacat', args, { stdio: ['pipe', 'ignore', 'ignore'], env: this.#environment });
    let isClosed = false;
    const lose = (): void => {
      if (isClosed) return;
      isClosed = true;
      onLost();
    };
    child.once('error', lose);
    child.once('exit', lose);
    child.stdin.on('error', lose);
    return {
      write: (bytes) => void (isClosed || child.stdin.write(bytes)),
      close: () => {
        isClosed = true;
        child.stdin.end();
      },
    };
  }

  openCapture(vm: string, onBytes: (bytes: Uint8Array) => void, onLost: OnLost): CaptureStream {
    const args = ['--record', ...FORMAT, `--latency=${CAPTURE_LATENCY_BYTES}`, ...named(vm)];
    const child = spawn('pacat', args, { stdio: ['ignore', 'pipe', 'ignore'], env: this.#environment });
    let isClosed = false;
    const lose = (): void => {
      if (isClosed) return;
      isClosed = true;
      onLost();
    };
    child.once('error', lose);
    child.once('exit', lose);
    child.stdout.on('data', (bytes: Buffer) => isClosed || onBytes(bytes));
    return {
      close: () => {
        isClosed = true;
        child.kill('SIGTERM');
      },
    };
  }
}
