import { totalmem } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MIN_MEMORY_BYTES } from '../../broker/process/limits.ts';
import { memoryBytes, overCommitment } from '../../broker/service/memory.ts';

const memory = suite('memory of a broker');
const MIB = 1_048_576;

memory('what is configured holds; otherwise it is a part of what the process may use', () => {
  assert.is(memoryBytes(100 * MIB), 100 * MIB);
  const found = memoryBytes(null);
  assert.ok(found >= MIN_MEMORY_BYTES);
  assert.ok(found <= Math.max(MIN_MEMORY_BYTES, totalmem() / 4));
});

memory('rings that could hold more than the total are said, with both sizes', () => {
  assert.is(overCommitment(640 * MIB, 10, 64 * MIB), null);
  const said = overCommitment(639 * MIB, 10, 64 * MIB) ?? '';
  assert.match(said, /10 domains may be 640 MiB/);
  assert.match(said, /639 MiB \(limits\.memoryBytes\)/);
});

memory.run();
