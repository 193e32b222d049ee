/**
 * Is this Node new enough? Imports nothing and uses nothing new, so that it loads where the rest of the program would
 * stop with a syntax error.
 */

/** As package.json has it under "engines"; a test compares. */
export const OLDEST_NODE: readonly [major: number, minor: number] = [20, 19];

/** What to tell the user of a Node that is too old; null for one that will do. */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null;
  return (
    `Node ${version} is too old: Argus needs ${oldestMajor}.${oldestMinor} or newer. ` +
    'Install one from https://nodejs.org/ or your distribution, and see that "node --version" shows it (ERR_CLI_NODE_VERSION)'
  );
}
