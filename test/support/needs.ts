/**
 * Tests that need a system package: skipped, with the package's name, where it is missing.
 *
 *     const withNats = needs('nats-server', 'nats-server');
 *     withNats(carrier, 'a record arrives through a server', async () => { … });
 *
 * The runner counts the skip, and with ARGUS_TEST_REQUIRE=all counts it as a failure.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Callback, Test } from 'uvu';

/** Registers the test where the need is met, otherwise a skip. */
export type RegisterNeedy = <T>(suite: Test<T>, name: string, handler: Callback<T>) => void;

/** Debian puts servers into directories that the PATH of an ordinary user lacks. */
const SERVER_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** The path of an executable, or null. */
export function findBinary(name: string): string | null {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const directory of [...directories, ...SERVER_DIRECTORIES]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not there: the next directory
    }
  }
  return null;
}

/** A test needs the executable `binary`, which the Debian package `aptPackage` brings. */
export function needs(binary: string, aptPackage: string): RegisterNeedy {
  return needsThat(() => findBinary(binary) !== null, `${binary} (apt-get install ${aptPackage})`);
}

/** The same for what is not an executable: `what` says what is missing and how to get it. */
export function needsThat(isThere: () => boolean, what: string): RegisterNeedy {
  const isMet = isThere();
  return (suite, name, handler) => {
    if (isMet) {
      suite(name, handler);
      return;
    }
    process.stdout.write(`skipped: ${name} needs ${what}\n`);
    suite.skip(name, handler);
  };
}
