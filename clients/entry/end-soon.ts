/**
 * The end of a service: a process that has closed everything ends soon, also when something that it forgot would keep
 * Node alive. What is left is named, because a service manager would only wait and then kill it without a reason.
 */

/** Time for what is closing to be gone, ms. */
const END_MS = 3_000;

/**
 * How long the event loop goes on once everything is closed, ms, and the age in s of the processes that it is for.
 *
 * V8's compiler threads may need the main thread for a garbage collection. A main thread that is ending waits for them
 * and does not serve them, so both wait for ever, and no timer fires (nodejs/node 54918). A loop that is idle does
 * serve them, and nothing new is compiled while it is.
 */
const SETTLE_MS = 100;
const LASTING_S = 2;

/** Call it when everything is closed. A process that ends by itself before is kept alive for a moment at most. */
export function endSoon(program: string, afterMs = END_MS): void {
  if (process.uptime() >= LASTING_S) setTimeout(() => {}, SETTLE_MS);
  const end = (): void => {
    const left = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`${program}: everything is closed, and still open is: ${left}; the process ends\n`);
    process.exit();
  };
  setTimeout(end, afterMs).unref();
}
