/** A worker thread of verify: gets parts and answers with their summaries in the same order. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeFiles } from '../files/node-files.ts';
import { openSha256 } from '../sha256.ts';
import { type Part, PartScanner } from './parts.ts';
import type { WorkerAnswer, WorkerStart } from './pool.ts';

const { directory, sizes } = workerData as WorkerStart;
const scanner = new PartScanner(nodeFiles(directory), sizes, openSha256());

parentPort?.on('message', async (part: Part) => {
  const answer: WorkerAnswer = await scanner.scan(part);
  parentPort?.postMessage(answer);
});
