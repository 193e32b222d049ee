/** The pool of record buffers: a buffer is used again, and only so many are kept. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ChunkPool } from '../../broker/peer/index.ts';
import { POOLED_CHUNKS } from '../../broker/process/index.ts';
import { MAX_RECORD_PLAINTEXT_BYTES } from '../../broker/wire/index.ts';

const pools = suite('chunk pool');

pools('a chunk that was given back is taken again, empty', () => {
  const pool = new ChunkPool();
  const chunk = pool.take(10);
  Object.assign(chunk, { used: 10, control: 4, delivery: 7 });
  pool.give(chunk);
  const again = pool.take(10);
  assert.is(again, chunk);
  assert.equal([again.used, again.control, again.delivery], [0, 0, 0]);
});

pools(`at most ${POOLED_CHUNKS} chunks are kept, and none of another size`, () => {
  const pool = new ChunkPool();
  const many = Array.from({ length: POOLED_CHUNKS + 3 }, () => pool.take(1));
  const large = pool.take(MAX_RECORD_PLAINTEXT_BYTES + 1);
  for (const chunk of [large, ...many]) pool.give(chunk);
  const taken = Array.from({ length: POOLED_CHUNKS + 3 }, () => pool.take(1));
  assert.is(taken.filter((chunk) => many.includes(chunk)).length, POOLED_CHUNKS);
  assert.ok(!taken.includes(large));
});

pools.run();
