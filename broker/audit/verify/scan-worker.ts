/** A worker thread of verify: gets parts and answers with their summaries in the same order. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeFiles } from '../files/node-files.ts';
import { openSha256 } from '../sha256.ts';
import { type Part, ScanMemory, scanOf } from './parts.ts';
import type { WorkerAnswer, WorkerStart } from './pool.ts';

const { directory, sizes } = workerData as WorkerStart;
const reader = nodeFiles(directory);
const memory = new ScanMemory();
const sha256 = openSha256();

let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (part: Part) => {
  last = last.then(async () => {
    const answer: WorkerAnswer = await scanOf(reader, part, sizes, memory, sha256).catch(() => null);
    parentPort?.postMessage(answer);
  });
});
