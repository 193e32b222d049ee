/** Collecting a record that arrives in pieces: what comes out is what went in, and no piece costs more than itself. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_KEPT_STORE_BYTES, RecordStore } from '../../broker/wire/record-store.ts';
import { seeded, seededRandom } from '../support/seed.ts';

const SEGMENT_BYTES = 262_144;
const stores = suite('record store');

function collect(store: RecordStore, record: Uint8Array, piece: number): void {
  for (let at = 0; at < record.length; at += piece) {
    const bytes = Uint8Array.from(record.subarray(at, at + piece));
    store.append(bytes, at === 0 ? 0 : record.length);
    bytes.fill(0xee); // the caller reuses its memory
  }
}

stores('the pieces come out as one record, one record after the other', () => {
  const random = seededRandom(3);
  const store = new RecordStore();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900_000 }), fc.integer({ min: 24, max: 300_000 }), (length, piece) => {
      const record = random.bytes(length);
      collect(store, record, piece);
      assert.is(store.length, length);
      assert.ok(Buffer.from(store.head).equals(record.subarray(0, Math.min(length, SEGMENT_BYTES))));
      assert.ok(Buffer.from(store.take()).equals(record));
      assert.is(store.length, 0);
      assert.ok(store.memoryBytes <= MAX_KEPT_STORE_BYTES);
    }),
    seeded({ numRuns: 60 }),
  );
});

stores('memory follows the bytes that arrived, a segment at a time', () => {
  const store = new RecordStore();
  const total = 16 * 1024 * 1024;
  const piece = new Uint8Array(65_536);
  for (let sent = 0; sent < total - piece.length; sent += piece.length) {
    const before = store.memoryBytes;
    store.append(piece, total);
    assert.ok(store.memoryBytes - before <= SEGMENT_BYTES, `${sent}: ${store.memoryBytes - before} more bytes`);
    assert.ok(store.memoryBytes - store.length < SEGMENT_BYTES);
  }
  store.clear();
  assert.equal([store.length, store.memoryBytes], [0, 0]);
});

stores('a header alone allocates little, whatever length it declares', () => {
  const store = new RecordStore();
  store.append(new Uint8Array(24), 16 * 1024 * 1024);
  assert.is(store.memoryBytes, 4_096);
});

stores.run();
