/** Entry of stream/: sending a log to other systems as it grows. */
export { cursorFile } from './cursor.ts';
export { type StreamTotals, streamLog } from './stream.ts';
export { openTarget, parseAddress, type TargetFiles } from './targets.ts';
