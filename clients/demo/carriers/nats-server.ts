/** The demo's own nats-server on loopback. Its trace shows every message that it sees. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithUs } from '../../machines/index.ts';
import { DemoError } from '../errors.ts';

/** The last lines of its log that the error quotes when it does not start. */
const QUOTED_LINES = 5;

export class NatsServer {
  readonly version: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, version: string) {
    this.#child = child;
    this.version = version;
  }

  /**
   * @param onLine gets each line of its log, trace included
   * @throws DemoError ERR_DEMO_NATS when it does not start
   */
  static async start(program: string, configFile: string, onLine: (line: string) => void): Promise<NatsServer> {
    const child = spawn(program, ['-c', configFile, '-V'], { stdio: ['ignore', 'ignore', 'pipe'] });
    endWithUs(child);
    const said: string[] = [];
    let version = 'of an unknown version';
    const lines = createInterface({ input: child.stderr });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new DemoError('ERR_DEMO_NATS', `"${program}" did not start: ${why}\n${said.join('\n')}`));
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code) => fail(`it ended with code ${code}`));
      lines.on('line', function starting(line) {
        said.push(line);
        said.splice(0, said.length - QUOTED_LINES);
        version = /\[INF\]\s+Version:\s+(\S+)/.exec(line)?.[1] ?? version;
        if (!line.endsWith('Server is ready')) return;
        lines.off('line', starting);
        resolve();
      });
    });
    lines.on('line', onLine);
    return new NatsServer(child, version);
  }

  /** Every line of the trace has been read when this resolves. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'close');
  }
}
