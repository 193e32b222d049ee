/** Records out of lent memory: when the memory comes back, and when it must not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type StreamSocket, writeLent } from '../../broker/base/index.ts';

const lent = suite('lent write');
const JOINED_BYTES = 100;
const HIGH_WATER = 1000;

/** A socket whose kernel takes what it has room for, and the rest later. */
class FakeSocket implements StreamSocket {
  writable = true;
  /** Bytes that the kernel takes now. */
  room = 0;
  /** What the kernel has, as it was when it was taken. */
  taken: number[] = [];
  calls = 0;
  #corked = 0;
  readonly #waiting: { bytes: Uint8Array; at: number; done: ((error?: Error | null) => void) | undefined }[] = [];

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes, at }) => sum + bytes.length - at, 0);
  }

  get writableNeedDrain(): boolean {
    return this.writableLength >= HIGH_WATER;
  }

  write(bytes: Uint8Array, done?: (error?: Error | null) => void): boolean {
    this.calls++;
    this.#waiting.push({ bytes, at: 0, done });
    if (this.#corked === 0) this.take(this.room);
    return !this.writableNeedDrain;
  }

  cork(): void {
    this.#corked++;
  }

  uncork(): void {
    this.#corked--;
    this.take(this.room);
  }

  take(room: number): void {
    this.room = room;
    while (this.#waiting.length > 0 && this.room > 0) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      const part = first.bytes.subarray(first.at, first.at + this.room);
      this.taken.push(...part);
      first.at += part.length;
      this.room -= part.length;
      if (first.at < first.bytes.length) return;
      this.#waiting.shift();
      // Node calls back in a later tick.
      queueMicrotask(() => first.done?.());
    }
  }

  fail(): void {
    for (const { done } of this.#waiting.splice(0)) done?.(new Error('reset'));
  }
}

function of(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

lent('what the kernel took at once comes back within the call, and once', async () => {
  for (const buffers of [[of(500, 1)], [of(500, 1), of(200, 2)], [of(5, 1), of(5, 2)]]) {
    const socket = new FakeSocket();
    socket.room = 10_000;
    let written = 0;
    assert.ok(writeLent(socket, buffers, JOINED_BYTES, () => written++));
    assert.is(written, 1);
    await tick();
    assert.is(written, 1);
    assert.equal(socket.taken, [...Buffer.concat(buffers)]);
  }
});

lent('what waits for the kernel comes back when all of it is taken, and not before', async () => {
  const socket = new FakeSocket();
  socket.room = 300;
  let written = 0;
  const buffers = [of(250, 1), of(250, 2)];
  writeLent(socket, buffers, JOINED_BYTES, () => written++);
  await tick();
  assert.is(written, 0);
  socket.take(199);
  await tick();
  assert.is(written, 0, 'one byte is left');
  socket.take(1);
  await tick();
  assert.is(written, 1);
  assert.equal(socket.taken, [...Buffer.concat(buffers)]);
});

lent('a small record of a large buffer leaves it at once when others wait before it', async () => {
  const socket = new FakeSocket();
  const large = new Uint8Array(4096);
  writeLent(socket, [of(4000, 1)], JOINED_BYTES, () => {});
  const record = large.subarray(0, 300).fill(2);
  let written = 0;
  writeLent(socket, [record], JOINED_BYTES, () => written++);
  assert.is(written, 1);
  large.fill(0xee); // another session's from now on
  socket.take(10_000);
  assert.equal(socket.taken.slice(4000), [...of(300, 2)]);
});

lent('a record that fills its buffer stays in it, also behind others', () => {
  const socket = new FakeSocket();
  writeLent(socket, [of(4000, 1)], JOINED_BYTES, () => {});
  let written = 0;
  writeLent(socket, [of(3000, 2)], JOINED_BYTES, () => written++);
  assert.is(written, 0);
});

lent('after an error the memory does not come back', async () => {
  const socket = new FakeSocket();
  let written = 0;
  writeLent(socket, [of(4000, 1)], JOINED_BYTES, () => written++);
  socket.fail();
  await tick();
  assert.is(written, 0);
});

lent('small buffers are written as one, and none is written where nothing can be', () => {
  const socket = new FakeSocket();
  socket.room = 1000;
  writeLent(socket, [of(50, 1), of(50, 2)], JOINED_BYTES, null);
  assert.is(socket.calls, 1);
  socket.writable = false;
  let written = 0;
  assert.ok(writeLent(socket, [of(50, 1)], JOINED_BYTES, () => written++));
  assert.is(socket.calls, 1);
  assert.is(written, 1);
});

lent('the socket asks to stop above its high-water mark', () => {
  const socket = new FakeSocket();
  assert.ok(writeLent(socket, [of(HIGH_WATER - 1, 1)], JOINED_BYTES, null));
  assert.not(writeLent(socket, [of(1, 1)], JOINED_BYTES, null));
});

lent.run();
