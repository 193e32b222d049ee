/**
 * Ends a program silently when the reader of its output is gone, as in `argus audit list | head`.
 *
 * Node ignores SIGPIPE and reports EPIPE as an error event, which would end the program with a stack trace.
 */
export function endOnBrokenPipe(): void {
  for (const out of [process.stdout, process.stderr]) {
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      // What shells report for a program that SIGPIPE ended: 128 + 13.
      process.exit(141);
    });
  }
}
