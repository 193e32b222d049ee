/**
 * Checks that this Node is new enough. This file imports nothing and uses no new syntax, so that it loads in a Node where the
 * rest of the program is a syntax error.
 */

/** The version of "engines" in package.json; a test compares them. */
export const OLDEST_NODE: readonly [major: number, minor: number] = [20, 19];

/** The message for a Node that is too old; null when the version is new enough. */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null;
  return (
    `Node ${version} is too old: Argus needs ${oldestMajor}.${oldestMinor} or newer. ` +
    'Install one from https://nodejs.org/ or your distribution, and see that "node --version" shows it (ERR_CLI_NODE_VERSION)'
  );
}
