/** The serial carrier's dealings with its device: one open file, one waiting read, one write at a time, nothing left behind. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type SerialDevice, SerialLine } from '../../../clients/sdk/carriers/serial.ts';

type ReadDone = Parameters<SerialDevice['read']>[2];
type WriteDone = Parameters<SerialDevice['writev']>[2];

/** A port in the hands of the test. */
class FakePort implements SerialDevice {
  opens = 0;
  isOpen = false;
  written: Buffer[] = [];
  openError: NodeJS.ErrnoException | null = null;
  #read: { into: Uint8Array; done: ReadDone } | null = null;
  #write: { bytes: Buffer; done: WriteDone } | null = null;
  #exit: (() => void) | null = null;
  #onRead: (() => void) | null = null;

  open(_path: string, done: (error: NodeJS.ErrnoException | null, fd: number) => void): void {
    this.opens++;
    assert.not(this.isOpen, 'a second open would be EBUSY');
    this.isOpen = this.openError === null;
    done(this.openError, 3);
  }

  read(_fd: number, into: Uint8Array, done: ReadDone): void {
    assert.is(this.#read, null, 'one read at a time');
    this.#read = { into, done };
    this.#onRead?.();
  }

  writev(_fd: number, buffers: readonly Uint8Array[], done: WriteDone): void {
    assert.is(this.#write, null, 'one write at a time');
    this.#write = { bytes: Buffer.concat(buffers), done };
  }

  close(): void {
    assert.is(this.#read, null, 'closing does not end a read');
    this.isOpen = false;
  }

  atExit(task: () => void): () => void {
    this.#exit = task;
    return () => {
      this.#exit = null;
    };
  }

  writeNow(_fd: number, bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes));
  }

  get isReading(): boolean {
    return this.#read !== null;
  }

  get isWriting(): boolean {
    return this.#write !== null;
  }

  reading(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#read !== null) resolve();
      else this.#onRead = resolve;
    });
  }

  /** Bytes arrive; '' = nobody is connected at the host's end. */
  arrive(text: string): void {
    const read = this.#read;
    this.#read = null;
    read?.into.set(Buffer.from(text));
    read?.done(null, text.length);
  }

  /** The kernel takes `length` bytes of what is being written. */
  take(length = Number.POSITIVE_INFINITY): void {
    const write = this.#write;
    this.#write = null;
    if (write === null) return;
    const taken = write.bytes.subarray(0, length);
    this.written.push(taken);
    write.done(null, taken.length);
  }

  exit(): void {
    this.#exit?.();
  }
}

class Listener {
  readonly chunks: string[] = [];
  closed = 0;
  drains = 0;
  error: Error | null = null;
  onBytes(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk).toString());
  }
  onDrain(): void {
    this.drains++;
  }
  onClose(error: Error | null): void {
    this.closed++;
    this.error = error;
  }
}

const NEVER = new AbortController().signal;
const serial = suite('serial line');

function lineOn(port: FakePort): { line: SerialLine; freed: () => number } {
  let freed = 0;
  return { line: new SerialLine('/dev/x', port, () => freed++), freed: () => freed };
}

serial('opens, reads, writes in order, and is closed when its last read has returned', async () => {
  const port = new FakePort();
  const { line, freed } = lineOn(port);
  const heard = new Listener();
  const carrier = await line.attach(heard, NEVER);
  port.arrive('one');
  carrier.write(Buffer.from('abc'));
  carrier.write(Buffer.from('d'));
  port.take(2);
  port.take();
  port.take();
  assert.is(Buffer.concat(port.written).toString(), 'abcd');
  assert.equal(heard.chunks, ['one']);
  carrier.end();
  assert.is(heard.closed, 1);
  assert.ok(port.isOpen, 'a read waits: closing would not end it');
  port.arrive('');
  assert.not(port.isOpen);
  assert.is(freed(), 1);
});

serial('nobody at the host’s end: connecting fails at once, and the port is free again', async () => {
  const port = new FakePort();
  const { line, freed } = lineOn(port);
  const attempt = line.attach(new Listener(), NEVER).catch((error: NodeJS.ErrnoException) => error.code);
  await port.reading();
  port.arrive('');
  assert.is(await attempt, 'ENOTCONN');
  assert.is(freed(), 1);
  assert.not(port.isOpen);
});

serial('the host hangs up: the carrier closes once, without an error', async () => {
  const port = new FakePort();
  const { line } = lineOn(port);
  const heard = new Listener();
  const carrier = await line.attach(heard, NEVER);
  port.arrive('');
  assert.is(heard.closed, 1);
  assert.is(heard.error, null);
  carrier.destroy();
  carrier.write(Buffer.from('x'));
  assert.is(heard.closed, 1);
  assert.equal(port.written, []);
});

serial(
  'the next carrier takes over the open port and the read that waits; the one before hears nothing more',
  async () => {
    const port = new FakePort();
    const { line } = lineOn(port);
    const [first, second] = [new Listener(), new Listener()];
    const old = await line.attach(first, NEVER);
    old.write(Buffer.from('half of a record'));
    old.destroy();
    const next = line.attach(second, NEVER);
    await next;
    assert.is(port.opens, 1);
    port.arrive('new');
    assert.equal([first.chunks, second.chunks], [[], ['new']]);
    assert.is(first.closed, 1);
    // What was under way goes out; what was only queued does not.
    (await next).write(Buffer.from('hello'));
    assert.ok(port.isWriting);
    port.take();
    port.take();
    assert.is(Buffer.concat(port.written).toString(), 'half of a recordhello');
  },
);

serial('bytes from before a carrier show that the host is there and are not for it', async () => {
  const port = new FakePort();
  const { line } = lineOn(port);
  const heard = new Listener();
  const attempt = line.attach(heard, NEVER);
  await port.reading();
  port.arrive('left over');
  await attempt;
  port.arrive('mine');
  assert.equal(heard.chunks, ['mine']);
});

serial('congestion is told and relieved', async () => {
  const port = new FakePort();
  const { line } = lineOn(port);
  const heard = new Listener();
  const carrier = await line.attach(heard, NEVER);
  carrier.write(new Uint8Array(300 * 1024));
  assert.ok(carrier.isCongested);
  port.take(200 * 1024);
  assert.not(carrier.isCongested);
  assert.is(heard.drains, 1);
  port.take();
  assert.is(heard.drains, 1);
});

serial('an attempt that is aborted, or a port that cannot be opened, leaves nothing open', async () => {
  const port = new FakePort();
  const abort = new AbortController();
  const { line } = lineOn(port);
  const attempt = line.attach(new Listener(), abort.signal).catch((error: Error) => error.message);
  await port.reading();
  abort.abort(new Error('enough'));
  assert.is(await attempt, 'enough');
  port.arrive('');
  assert.not(port.isOpen);

  const missing = new FakePort();
  missing.openError = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  const failed = lineOn(missing).line.attach(new Listener(), NEVER);
  assert.is(await failed.catch((error: NodeJS.ErrnoException) => error.code), 'ENOENT');
});

serial(
  'a process that exits with a session open says rubbish, so that the broker hangs up; others say nothing',
  async () => {
    const port = new FakePort();
    const { line } = lineOn(port);
    const carrier = await line.attach(new Listener(), NEVER);
    port.exit();
    assert.equal(port.written, [Buffer.alloc(24)]);
    carrier.destroy();
    port.arrive('');
    port.exit();
    assert.is(port.written.length, 1);
  },
);

serial.run();
