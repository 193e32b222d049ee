/** Runs a program of the system to its end. */
import { execFile } from 'node:child_process';
import { NetError } from './errors.ts';

/** Its standard output. @throws NetError ERR_NET_COMMAND with the command's error output */
export function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else {
        const said = stderr.trim() === '' ? error.message : stderr.trim();
        reject(new NetError('ERR_NET_COMMAND', `${program} ${args.join(' ')}: ${said}`, error));
      }
    });
  });
}
