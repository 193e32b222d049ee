/**
 * The idle class of Linux's scheduler, and the only file of the command line that calls native code: Node can set a nice
 * value, but no class.
 *
 * A thread of this class ends its turn the moment an ordinary thread wakes up on its core, whatever share it has left.
 * That is why it costs the broker less than the highest nice value does (docs/benchmarks.md).
 *
 * Memory: the kernel reads the four bytes of PARAMETERS during the call, and nothing after it.
 */
import { type Native, requireKoffi } from '../../broker/native/index.ts';

const SCHED_IDLE = 5;
/** `struct sched_param` is one int: the priority, which this class has none of. */
const PARAMETERS = Buffer.alloc(4);

/** Threads that these begin later inherit it. False: this system cannot, or koffi is not installed. */
export function enterIdleClass(threads: readonly number[], load: () => Native = requireKoffi): boolean {
  try {
    const set = load().load(null).func('int sched_setscheduler(int, int, void *)');
    return threads.map((thread) => set(thread, SCHED_IDLE, PARAMETERS) === 0).every((isIn) => isIn);
  } catch {
    return false;
  }
}
