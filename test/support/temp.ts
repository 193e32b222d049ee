/** Temporary directories. They are removed when the test process exits, unless it is killed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.once('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** A new empty directory, 0700. The path is short, because a unix socket's path has room for about 100 bytes. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'argus-'));
  made.push(path);
  return path;
}
