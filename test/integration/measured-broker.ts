/** A broker that says how much memory it occupies after a garbage collection. Started with --expose-gc and an IPC channel. */
import { readOptions, startResolved } from '../../broker/index.ts';

const broker = await startResolved(readOptions(process.argv[2] ?? ''));
process.on('message', () => {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
  process.send?.(process.memoryUsage.rss());
});
process.once('SIGTERM', () => {
  void broker.close().then(() => process.exit(0));
});
process.send?.(0);
