/**
 * A replacement for a sound server: the playback of each VM is stored in a WAV file of its own, and the microphone is
 * silent.
 *
 * A file has no clock, so bytes are written when they come, up to RECORD_AHEAD_MS ahead of it: a busy host costs the
 * recording nothing, and a VM that plays faster than time passes does not fill the disk faster. Writes are synchronous,
 * so that what waits for a slow disk waits in the VM's own bounded queue and nowhere else.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AudioError } from '../errors.ts';
import { RECORD_AHEAD_MS } from '../limits.ts';
import { type AudioClock, NODE_CLOCK } from '../pcm/audio-clock.ts';
import { WavFile } from '../pcm/wav-file.ts';
import { MAX_WAV_PCM_BYTES } from '../pcm/wav-header.ts';
import {
  type CaptureStream,
  ClockedStream,
  type PlaybackEvents,
  type PlaybackStream,
  type SoundServer,
} from '../service/sound-server.ts';

const PRIVATE_DIRECTORY_MODE = 0o700;

export class RecordingServer implements SoundServer {
  readonly #clock: AudioClock;
  readonly #directory: string;
  /** The file that each VM's next stream goes on in. */
  readonly #paths = new Map<string, string>();

  /** @throws AudioError ERR_AUDIO_RECORD when there can be no such directory */
  constructor(directory: string, clock: AudioClock = NODE_CLOCK) {
    this.#clock = clock;
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
    } catch (cause) {
      throw new AudioError('ERR_AUDIO_RECORD', `cannot record into "${directory}"`, { cause });
    }
  }

  /** Where it plays, `device`, makes no difference. A disk that is full is a sound server that has gone away. */
  openPlayback(vm: string, _device: string | null, events: PlaybackEvents): PlaybackStream {
    let file: WavFile | null = null;
    const finish = (): void => {
      const last = file;
      file = null;
      last?.close();
    };
    const orLose = (step: () => void): void => {
      try {
        step();
      } catch {
        quietly(finish);
        queueMicrotask(events.onLost); // not before the caller has its stream
      }
    };
    orLose(() => {
      file = this.#fileOf(vm);
    });
    const write = (bytes: Uint8Array): void =>
      orLose(() => {
        if (file !== null && file.pcmBytes + bytes.length > MAX_WAV_PCM_BYTES) {
          finish();
          file = this.#newFile(vm);
        }
        file?.append(bytes);
      });
    return new ClockedStream(this.#clock, RECORD_AHEAD_MS, { write, close: () => orLose(finish) }, events);
  }

  openCapture(): CaptureStream {
    return { close: () => {} };
  }

  #fileOf(vm: string): WavFile {
    const path = this.#paths.get(vm);
    if (path === undefined) return this.#newFile(vm);
    try {
      return WavFile.reopen(path);
    } catch {
      return this.#newFile(vm); // another program has removed the recording
    }
  }

  /** The first free name (VM.wav, VM.2.wav, …): an earlier recording is never touched. */
  #newFile(vm: string): WavFile {
    for (let count = 1; ; count++) {
      const path = join(this.#directory, count === 1 ? `${vm}.wav` : `${vm}.${count}.wav`);
      try {
        const file = WavFile.create(path);
        this.#paths.set(vm, path);
        return file;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
    }
  }
}

/** What cannot be written any more: the header says "unknown length", and players cope. */
function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // the first failure has been reported
  }
}
