/** Finds the program nats-server, or says how to install it. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DemoError } from '../errors.ts';

/** Debian and Homebrew put servers in directories that the PATH of an ordinary user may lack. */
const SERVER_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/opt/homebrew/sbin'];

const HOW_TO_GET_IT = `install it and run this again:
  Debian, Ubuntu   sudo apt-get install nats-server
  macOS            brew install nats-server
  others           one binary from https://github.com/nats-io/nats-server/releases, then --nats-server FILE
Nothing was started.`;

/**
 * @param named the path that the user gave; undefined = search for it
 * @throws DemoError ERR_DEMO_NATS
 */
export function natsServerProgram(
  named: string | undefined,
  { PATH = '' }: NodeJS.ProcessEnv = process.env,
  more: readonly string[] = SERVER_DIRECTORIES,
): string {
  if (named !== undefined) {
    if (isProgram(named)) return named;
    throw new DemoError(
      'ERR_DEMO_NATS',
      `--carrier nats needs nats-server, and "${named}" is not a program; ${HOW_TO_GET_IT}`,
    );
  }
  const directories = PATH.split(delimiter).filter((directory) => directory !== '');
  const found = [...directories, ...more].map((directory) => join(directory, 'nats-server')).find(isProgram);
  if (found !== undefined) return found;
  throw new DemoError('ERR_DEMO_NATS', `--carrier nats needs nats-server, which was not found; ${HOW_TO_GET_IT}`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there
  }
}
