/** The commands as processes of their own, with a sound server for the AudioVM and one for a guest. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { readStatus, type ServiceStatus } from '../../../clients/agents/audio/index.ts';
import { accepts } from '../../support/accepts.ts';
import { type Host, until, withHost } from '../../support/audio/host.ts';
import { Pulse } from '../../support/audio/pulse.ts';
import type { SoundServerKind } from '../../support/audio/sound-daemons.ts';
import { CLI, nodeArguments } from '../../support/program.ts';

export class AudioProcesses {
  readonly host: Host;
  readonly audioPulse: Pulse;
  readonly guestPulse: Pulse;
  readonly #children: ChildProcess[] = [];

  constructor(host: Host, audioPulse: Pulse, guestPulse: Pulse) {
    this.host = host;
    this.audioPulse = audioPulse;
    this.guestPulse = guestPulse;
  }

  /** Status socket of an AudioVM's service. */
  status(vm = 'audio-vm'): string {
    return join(this.host.directory, `${vm}-audio.sock`);
  }

  async args(vm: string): Promise<string[]> {
    return ['--carrier', this.host.broker.carrierOf(vm), '--identity', await this.host.identity(vm)];
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, nodeArguments(CLI, 'audio', ...args), {
      cwd: this.host.directory,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  async run(...args: readonly string[]): Promise<string> {
    return (await promisify(execFile)(process.execPath, nodeArguments(CLI, ...args), { cwd: this.host.directory }))
      .stdout;
  }

  async service(vm = 'audio-vm', pulse = this.audioPulse): Promise<void> {
    const { directory } = this.host;
    const status = this.status(vm);
    rmSync(status, { force: true });
    const options = ['--status', status, '--settings', join(directory, `${vm}.json`)];
    // The keys are the first AudioVM's.
    if (vm === 'audio-vm') options.push('--keys', directory);
    this.start(['service', ...(await this.args(vm)), ...options], pulse.environment);
    await until('the service runs', () => accepts(status));
  }

  read(vm = 'audio-vm'): Promise<ServiceStatus> {
    return readStatus(this.status(vm));
  }

  key(key: string, vm: string): string {
    const path = join(this.host.directory, key, vm);
    return existsSync(path) ? readFileSync(path, 'utf8') : 'absent';
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      // A service with clients wants to be told twice.
      const timer = setInterval(() => child.kill('SIGTERM'), 300);
      child.kill('SIGTERM');
      await gone;
      clearInterval(timer);
    }
  }
}

export async function withAudioFixture(
  kind: SoundServerKind,
  work: (harness: AudioProcesses) => Promise<void>,
  policy: Readonly<Record<string, (text: string) => string>> = {},
): Promise<void> {
  const [audioPulse, guestPulse] = await Promise.all([new Pulse(kind).start(), new Pulse(kind).start()]);
  try {
    await withHost(async (host) => {
      const harness = new AudioProcesses(host, audioPulse, guestPulse);
      try {
        await work(harness);
      } finally {
        await harness.close();
      }
    }, policy);
  } finally {
    await Promise.all([audioPulse.stop(), guestPulse.stop()]);
  }
}

export async function fails(work: () => Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work().then(
    () => null,
    (failure: unknown) => failure,
  );
  assert.match(String((error as { stderr?: string } | null)?.stderr ?? error), message);
}
