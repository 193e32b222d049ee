/**
 * The end of a service: a process that has closed everything ends soon, also when something that it forgot would keep
 * Node alive. What is left is named, because a service manager would only wait and then kill it without a reason.
 */

/** Time for what is closing to be gone, ms. */
const END_MS = 3_000;

/** Call it when everything is closed. A process that ends by itself before is not kept alive by it. */
export function endSoon(program: string, afterMs = END_MS): void {
  const end = (): void => {
    const left = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`${program}: everything is closed, and still open is: ${left}; the process ends\n`);
    process.exit();
  };
  setTimeout(end, afterMs).unref();
}
