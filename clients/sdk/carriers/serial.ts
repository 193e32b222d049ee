/**
 * Carrier over a character device: a virtio-serial port in a guest, `/dev/virtio-ports/argus.0`.
 *
 * Such a port is a file with these properties:
 * - Reading waits inside the kernel, in a thread of Node's pool, and nothing but data or the host's hanging up ends it;
 *   closing the file does not. So the file stays open as long as an operation is under way, and the next carrier takes
 *   it over with the read that is waiting.
 * - Only one open file per port: a second open is EBUSY, also from this process. Hence one `SerialLine` per path.
 * - Reading 0 bytes means that the host's end is not connected now. It is the only sign of an end.
 * - While the host's end is not connected, writing waits too, and its bytes reach the next process that connects.
 * - Bytes of an earlier session may still arrive: the carrier does not tell of restarts (`tellsOfRestart`).
 * - A process cannot exit while a read waits (Node joins its threads), unless a signal kills it. Closing the session makes
 *   the broker hang up, which ends the read; a process that exits without closing says something that has that effect.
 */
import { close, constants, open, read, writeSync, writev } from 'node:fs';
import { RECORD_HEADER_BYTES } from '../../../broker/wire/index.ts';
import { CONGESTED_BYTES, SERIAL_PROBE_MS, SERIAL_READ_BYTES } from '../limits.ts';
import type { CarrierEvents, ClientCarrier } from './carrier.ts';

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

/** The device as node:fs shows it; a test stands in for it. */
export interface SerialDevice {
  open(path: string, done: (error: NodeJS.ErrnoException | null, fd: number) => void): void;
  read(fd: number, into: Uint8Array, done: Done): void;
  writev(fd: number, buffers: readonly Uint8Array[], done: Done): void;
  close(fd: number): void;
  /** Runs `task` when the process exits; returns a function that undoes this. */
  atExit(task: () => void): () => void;
  /** Only at exit. */
  writeNow(fd: number, bytes: Uint8Array): void;
}

/** Bytes that are not a record header: the broker closes the connection. */
const RUBBISH = new Uint8Array(RECORD_HEADER_BYTES);

const NODE_DEVICE: SerialDevice = {
  open: (path, done) => open(path, constants.O_RDWR | constants.O_NOCTTY, done),
  read: (fd, into, done) => read(fd, into, 0, into.length, null, done),
  writev: (fd, buffers, done) => writev(fd, [...buffers], done),
  close: (fd) => close(fd, () => {}),
  atExit(task) {
    process.once('exit', task);
    return () => void process.removeListener('exit', task);
  },
  writeNow: (fd, bytes) => void writeSync(fd, bytes),
};

const lines = new Map<string, SerialLine>();

export function openSerial(path: string, events: CarrierEvents, signal: AbortSignal): Promise<ClientCarrier> {
  let line = lines.get(path);
  if (line === undefined) {
    line = new SerialLine(path, NODE_DEVICE, () => lines.delete(path));
    lines.set(path, line);
  }
  return line.attach(events, signal);
}

/** One open device and the carrier that uses it at present. */
export class SerialLine {
  readonly #path: string;
  readonly #device: SerialDevice;
  readonly #onFree: () => void;
  readonly #buffer = Buffer.allocUnsafeSlow(SERIAL_READ_BYTES);
  #fd = -1;
  #isReading = false;
  #isWriting = false;
  #user: SerialCarrier | null = null;
  #stayAtExit: () => void = () => {};

  /** `onFree`: the device is closed and this line must not be used again. */
  constructor(path: string, device: SerialDevice, onFree: () => void) {
    this.#path = path;
    this.#device = device;
    this.#onFree = onFree;
  }

  /** Resolves when the host's end is connected; takes the device over from the carrier before. */
  async attach(events: CarrierEvents, signal: AbortSignal): Promise<ClientCarrier> {
    signal.throwIfAborted();
    this.#user?.hungUp(null);
    const user = new SerialCarrier(this, events);
    this.#user = user;
    try {
      if (this.#fd < 0) await this.#open();
      signal.throwIfAborted();
      await this.#probe(user, signal);
    } catch (error) {
      this.detach(user);
      throw error;
    }
    return user;
  }

  /** The user takes no more bytes. The device is closed when no operation is running on it. */
  detach(user: SerialCarrier): void {
    if (this.#user !== user) return;
    this.#user = null;
    this.#closeIfIdle();
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#device.open(this.#path, (error, fd) => {
        if (error !== null) reject(error);
        else {
          this.#fd = fd;
          this.#stayAtExit = this.#device.atExit(() => this.#exit());
          resolve();
        }
      });
    });
  }

  /** A read on a port without a host returns at once; one that has not returned after a moment waits for the host. */
  #probe(user: SerialCarrier, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        user.onProbed = null;
        if (error === null) resolve();
        else reject(error);
      };
      const abort = (): void => settle(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      const timer = setTimeout(() => settle(null), SERIAL_PROBE_MS);
      signal.addEventListener('abort', abort, { once: true });
      user.onProbed = settle;
      this.#read();
    });
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#device.read(this.#fd, this.#buffer, (error, length) => {
      this.#isReading = false;
      const user = this.#user;
      if (error === null && length > 0) {
        user?.received(this.#buffer.subarray(0, length));
        if (this.#user !== null) this.#read();
      } else if (user !== null) {
        this.#user = null;
        user.hungUp(error);
      }
      this.#closeIfIdle();
    });
  }

  /** Writes the queued buffers one call at a time, which keeps their order. */
  write(): void {
    const user = this.#user;
    if (this.#isWriting || user === null || user.queue.length === 0) return;
    this.#isWriting = true;
    this.#device.writev(this.#fd, user.queue, (error, length) => {
      this.#isWriting = false;
      if (user === this.#user) {
        if (error === null) user.wrote(length);
        else {
          this.#user = null;
          user.hungUp(error);
        }
      }
      this.write();
      this.#closeIfIdle();
    });
  }

  #closeIfIdle(): void {
    if (this.#user !== null || this.#isReading || this.#isWriting || this.#fd < 0) return;
    this.#stayAtExit();
    this.#device.close(this.#fd);
    this.#fd = -1;
    this.#onFree();
  }

  /** The process ends with a session open, a bug's exception for instance: without this it would not get away. */
  #exit(): void {
    if (!this.#isReading || this.#isWriting) return;
    try {
      this.#device.writeNow(this.#fd, RUBBISH);
    } catch {
      // The port is gone, and the read with it.
    }
  }
}

class SerialCarrier implements ClientCarrier {
  readonly tellsOfRestart = false;
  readonly #line: SerialLine;
  readonly #events: CarrierEvents;
  queue: Uint8Array[] = [];
  /** For each of `queue`: to be called when it is written. */
  readonly #onWritten: ((() => void) | undefined)[] = [];
  #queuedBytes = 0;
  #wasCongested = false;
  #isEnding = false;
  #isClosed = false;
  /** Set until the probe is decided. */
  onProbed: ((error: Error | null) => void) | null = null;

  constructor(line: SerialLine, events: CarrierEvents) {
    this.#line = line;
    this.#events = events;
  }

  get isCongested(): boolean {
    return this.#queuedBytes >= CONGESTED_BYTES;
  }

  write(record: Uint8Array, onWritten?: () => void): void {
    if (this.#isClosed || this.#isEnding) return;
    this.queue.push(record);
    this.#onWritten.push(onWritten);
    this.#queuedBytes += record.length;
    this.#wasCongested ||= this.isCongested;
    this.#line.write();
  }

  end(): void {
    this.#isEnding = true;
    if (this.queue.length === 0) this.destroy();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.queue = [];
    this.#line.detach(this);
    this.#events.onClose(null);
  }

  received(chunk: Uint8Array): void {
    // Bytes from before this carrier: they show that the host is there, and are not for it.
    if (this.onProbed !== null) this.onProbed(null);
    else if (!this.#isClosed) this.#events.onBytes(chunk);
  }

  wrote(length: number): void {
    this.#queuedBytes -= length;
    let left = length;
    let whole = 0;
    for (const bytes of this.queue) {
      if (left < bytes.length) break;
      left -= bytes.length;
      whole++;
    }
    this.queue = this.queue.slice(whole);
    for (const written of this.#onWritten.splice(0, whole)) written?.();
    const [first] = this.queue;
    if (first !== undefined && left > 0) this.queue[0] = first.subarray(left);
    if (this.#isEnding && this.queue.length === 0) this.destroy();
    else if (this.#wasCongested && !this.isCongested) {
      this.#wasCongested = false;
      this.#events.onDrain();
    }
  }

  /** The device has ended (null: the host's end is not connected), or another carrier takes it over. */
  hungUp(error: Error | null): void {
    if (this.onProbed !== null) {
      this.onProbed(error ?? notConnected());
      return;
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.queue = [];
    this.#events.onClose(error);
  }
}

function notConnected(): Error {
  return Object.assign(new Error('nobody is connected at the host’s end of the port'), { code: 'ENOTCONN' });
}
