/**
 * A guest's virtio-serial port for sessions that break the rules: one line after the other over one open file.
 *
 * A read waits inside the kernel and only data, or the host's hanging up (0 bytes), ends it; so the file stays open
 * from line to line. A line that is destroyed says rubbish, at which the broker hangs up if it held a session.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { Duplex } from 'node:stream';

const READ_BYTES = 65_536;
/**
 * A read that has not returned after these intervals is waiting, so the port is connected. Several, as one may be late.
 */
const QUIET_TICKS = 3;
const QUIET_TICK_MS = 100;
const RETRY_MS = 100;
/** How long a line that ended is given to be hung up at the other end, too. */
const HANGUP_MS = 2_000;
/** No header of a record. */
const RUBBISH = new Uint8Array(24);

export class Port {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.alloc(READ_BYTES);
  #read: Promise<Uint8Array> | null = null;
  #line: Duplex | null = null;
  #hasServed = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Waits until the program that had the port before has let go of it. */
  static async open(path: string): Promise<Port> {
    for (;;) {
      try {
        return new Port(await open(path, 'r+'));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  /** A line to the broker, once one is connected and silent. Earlier bytes are dropped. */
  async line(): Promise<Duplex> {
    if (this.#hasServed) await this.#hungUp();
    this.#hasServed = true;
    while ((await this.#heard()) !== 'nothing') await pause(RETRY_MS);
    const line: Duplex = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#file.write(chunk).then(
          () => done(),
          (error: Error) => done(error),
        );
      },
      destroy: (error, done) => {
        if (this.#line !== line) return done(error);
        this.#line = null;
        this.#file.write(RUBBISH).then(
          () => done(error),
          () => done(error),
        );
      },
    });
    this.#line = line;
    void this.#feed(line);
    return line;
  }

  async #feed(line: Duplex): Promise<void> {
    while (this.#line === line) {
      const bytes = await this.#next();
      if (this.#line !== line) return;
      if (bytes.length > 0) line.push(Buffer.from(bytes));
      else {
        this.#line = null; // the host has gone, so the rubbish has no reader
        line.destroy();
      }
    }
  }

  async #hungUp(): Promise<void> {
    const deadline = performance.now() + HANGUP_MS;
    while (performance.now() < deadline) {
      if ((await this.#heard()) === 'end') return;
    }
  }

  /** What the next read brings, if it brings something soon. */
  async #heard(): Promise<'nothing' | 'bytes' | 'end'> {
    for (let tick = 0; tick < QUIET_TICKS; tick++) {
      const bytes = await Promise.race([this.#next(), pause(QUIET_TICK_MS).then(() => null)]);
      if (bytes !== null) return bytes.length === 0 ? 'end' : 'bytes';
    }
    return 'nothing';
  }

  /** The read that is waiting, or a new one. */
  #next(): Promise<Uint8Array> {
    this.#read ??= this.#file.read(this.#buffer, 0, READ_BYTES, null).then(({ bytesRead }) => {
      this.#read = null;
      return this.#buffer.subarray(0, bytesRead);
    });
    return this.#read;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
