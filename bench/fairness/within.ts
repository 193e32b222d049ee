/** A deadline for each wait of the bench: one that stands still has to say what it waits for. */

/** Fails with `what` when there is no result in time. */
export async function within<T>(timeoutMs: number, what: string, result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${timeoutMs / 1_000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
