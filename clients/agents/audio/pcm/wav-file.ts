/**
 * A WAV file that grows. Its header says "unknown length" while it does, and the length whenever it is closed: what a crash
 * leaves behind can be played.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { SAMPLE_FRAME_BYTES } from './pcm.ts';
import { WAV_HEADER_BYTES, wavHeader } from './wav-header.ts';

const MODE = 0o600;

export class WavFile {
  readonly #fd: number;
  #pcmBytes: number;

  private constructor(fd: number, pcmBytes: number) {
    this.#fd = fd;
    this.#pcmBytes = pcmBytes;
  }

  /** Makes a new file. Throws EEXIST and other errors of the file system. */
  static create(path: string): WavFile {
    return WavFile.#start(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE), 0);
  }

  /** Continues after the last whole sample of a file that this class made. Throws the errors of the file system. */
  static reopen(path: string): WavFile {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    const pcmBytes = Math.max(0, fstatSync(fd).size - WAV_HEADER_BYTES);
    return WavFile.#start(fd, pcmBytes - (pcmBytes % SAMPLE_FRAME_BYTES));
  }

  static #start(fd: number, pcmBytes: number): WavFile {
    try {
      writeAll(fd, wavHeader(null), 0);
      return new WavFile(fd, pcmBytes);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get pcmBytes(): number {
    return this.#pcmBytes;
  }

  append(pcm: Uint8Array): void {
    writeAll(this.#fd, pcm, WAV_HEADER_BYTES + this.#pcmBytes);
    this.#pcmBytes += pcm.length;
  }

  close(): void {
    try {
      writeAll(this.#fd, wavHeader(this.#pcmBytes), 0);
    } finally {
      closeSync(this.#fd);
    }
  }
}

/** A full disk takes a part first, and refuses the next. */
function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}
