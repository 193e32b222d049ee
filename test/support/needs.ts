/**
 * Tests that need a system package. If it is missing they are skipped, with the package's name.
 *
 *     const withNats = needs('nats-server', 'nats-server');
 *     withNats(carrier, 'a record arrives through a server', async () => { … });
 *
 * The runner counts the skip, and with ARGUS_TEST_REQUIRE=all counts it as a failure.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Callback, Test } from 'uvu';

/** Registers the test if the need is met, else a skip. */
export type RegisterNeedy = <T>(suite: Test<T>, name: string, handler: Callback<T>) => void;

/** Directories of servers in Debian. They are not in the PATH of an ordinary user. */
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

/** A test needs the executable `binary` from the Debian package `aptPackage`. */
export function needs(binary: string, aptPackage: string): RegisterNeedy {
  return needsThat(() => findBinary(binary) !== null, `${binary} (apt-get install ${aptPackage})`);
}

/** The same for a need that is not an executable. `what` names it and says how to get it. */
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
