/** A broker that says how much memory it holds after a garbage collection. Started with --expose-gc and an IPC channel. */
import { readOptions, startResolved } from '../../broker/index.ts';

const broker = await startResolved(readOptions(process.argv[2] ?? ''));
process.on('message', () => {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
  // Not the resident size: what the collector has freed is given back to the system when it pleases.
  const { heapUsed, external } = process.memoryUsage();
  process.send?.(heapUsed + external);
});
process.once('SIGTERM', () => {
  void broker.close().then(() => process.exit(0));
});
process.send?.(0);
