/** The commands as an operator runs them: processes of their own, two sound servers, and what goes from one to the other. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readStatus, type ServiceStatus, serveQubesControl } from '../../clients/audio/index.ts';
import { type Host, until, withHost } from './host.ts';
import { Pulse } from './pulse.ts';
import { onEachServer, type SoundServerKind } from './sound-daemons.ts';
import { sounding, tone, toneLevel, toneSeconds } from './tones.ts';

const processes = suite('audio processes');
const MAIN = fileURLToPath(new URL('../../clients/cli/main.ts', import.meta.url));

class Stage {
  readonly host: Host;
  readonly audioPulse: Pulse;
  readonly guestPulse: Pulse;
  readonly #children: ChildProcess[] = [];

  constructor(host: Host, audioPulse: Pulse, guestPulse: Pulse) {
    this.host = host;
    this.audioPulse = audioPulse;
    this.guestPulse = guestPulse;
  }

  get status(): string {
    return join(this.host.directory, 'audio.sock');
  }

  async args(vm: string): Promise<string[]> {
    return ['--carrier', this.host.broker.carrierOf(vm), '--identity', await this.host.identity(vm)];
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'audio', ...args], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  async run(...args: readonly string[]): Promise<string> {
    const all = ['--import', 'tsx', MAIN, ...args];
    return (await promisify(execFile)(process.execPath, all)).stdout;
  }

  async service(): Promise<void> {
    const { directory } = this.host;
    rmSync(this.status, { force: true });
    const options = ['--status', this.status, '--settings', join(directory, 'mixer.json'), '--keys', directory];
    this.start(['service', ...(await this.args('audio-vm')), ...options], this.audioPulse.environment);
    await until('the service runs', () => existsSync(this.status));
  }

  read(): Promise<ServiceStatus> {
    return readStatus(this.status);
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

async function onStage(kind: SoundServerKind, work: (stage: Stage) => Promise<void>): Promise<void> {
  const [audioPulse, guestPulse] = await Promise.all([new Pulse(kind).start(), new Pulse(kind).start()]);
  try {
    await withHost(async (host) => {
      const stage = new Stage(host, audioPulse, guestPulse);
      try {
        await work(stage);
      } finally {
        await stage.close();
      }
    });
  } finally {
    await Promise.all([audioPulse.stop(), guestPulse.stop()]);
  }
}

onEachServer(
  processes,
  'from a program in the guest to the sink of the AudioVM, and from its microphone to a program',
  (kind) =>
    onStage(kind, async (stage) => {
      const { host, audioPulse, guestPulse } = stage;
      await stage.service();
      const agent = stage.start(['agent', ...(await stage.args('chrome-vm'))], guestPulse.environment);
      await until('the guest has a sink', () => guestPulse.control('list', 'short', 'sinks').includes('argus'));
      const stopProgram = guestPulse.play('argus', tone(1_000, 3));
      await until('it sounds in the AudioVM', () => audioPulse.streams('sink-inputs').includes('chrome-vm'));
      const stop = await audioPulse.record('speaker.monitor');
      await new Promise((resolve) => setTimeout(resolve, 800));
      const level = toneLevel(sounding(await stop()), 1_000);
      stopProgram();
      assert.ok(level > 0.4 && level < 0.55, `level ${level} at 1000 Hz`);

      await guestPulse.stop();
      await guestPulse.start();
      await until('the guest has its source again', () =>
        guestPulse.control('list', 'short', 'sources').includes('argus-mic'),
      );
      const stopAgain = guestPulse.play('argus', tone(1_000, 3));
      const [before] = (await stage.read()).vms;
      await until('it sounds again', async () => {
        const [now] = (await stage.read()).vms;
        return (now?.played.played ?? 0) > (before?.played.played ?? 0) + 88_200;
      });
      stopAgain();

      const stopVoice = audioPulse.play('voice', tone(700, 30));
      const stopRecording = await guestPulse.record('argus-mic');
      await until('the guest asks', () => stage.key('audio-input-request', 'chrome-vm') === '1');
      assert.equal([stage.key('audio-input-config', 'chrome-vm'), stage.key('audio-input', 'chrome-vm')], ['0', '0']);
      const granted = await stage.run('grant', 'chrome-vm', '@mic', '--for', '10m', '--control', host.broker.control);
      assert.match(granted, /chrome-vm has @mic for 600 s/);
      await until('it hears', () => stage.key('audio-input', 'chrome-vm') === '1');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const heard = await stopRecording();
      stopVoice();
      const length = toneSeconds(heard, 700, 0.5);
      const level700 = toneLevel(heard, 700);
      assert.ok(length > 0.3 && level700 > 0.4 && level700 < 0.55, `level ${level700} at 700 Hz for ${length} s`);
      assert.ok(toneLevel(heard.subarray(0, 8_820), 700) < 0.01, 'silence before the grant');
      await until('the guest no longer asks', () => stage.key('audio-input-request', 'chrome-vm') === '0');
      await until('no record stream is left', () => !audioPulse.streams('source-outputs').includes('chrome-vm'));
      const modules = (): string[] => guestPulse.control('list', 'short', 'modules').match(/module-pipe-\w+/g) ?? [];
      assert.equal(modules().sort(), ['module-pipe-sink', 'module-pipe-source']);
      agent.kill('SIGTERM');
      await until('the modules are unloaded', () => modules().length === 0);
    }),
);

onEachServer(processes, 'raw samples on stdin; the mixer’s volume outlives service and agent', (kind) =>
  onStage(kind, async (stage) => {
    const { audioPulse } = stage;
    await stage.service();
    const agent = stage.start(
      ['agent', ...(await stage.args('mail-vm')), '--playback', '-'],
      stage.guestPulse.environment,
    );
    agent.stdin?.write(tone(500, 0.2));
    await until('the service knows mail-vm', async () => (await stage.read()).vms.some(({ vm }) => vm === 'mail-vm'));
    const mixer = await stage.args('gui-vm');
    assert.match(await stage.run('audio', 'mixer', ...mixer, 'volume', 'mail-vm', '50'), /mail-vm.*50 %/);
    assert.match(await stage.run('audio', 'mixer', ...mixer, 'route', 'mail-vm', 'other'), /other/);
    await fails(() => stage.run('audio', 'mixer', ...mixer, 'volume', 'mail-vm', '151'), /ERR_AUDIO_VOLUME/);
    await fails(() => stage.run('audio', 'mixer', ...mixer, 'mute', 'rogue-vm'), /ERR_AUDIO_NO_VM/);
    await stage.close();
    await stage.service();
    const again = stage.start(
      ['agent', ...(await stage.args('mail-vm')), '--playback', '-'],
      stage.guestPulse.environment,
    );
    const stop = await audioPulse.record('other.monitor');
    again.stdin?.end(tone(500, 1, 0.8));
    await until('it is played', async () => (await stage.read()).vms.some(({ played }) => played.played > 150_000));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const level = toneLevel(sounding(await stop()), 500);
    assert.ok(level > 0.07 && level < 0.12, `level ${level}`);
    const [vm] = (await stage.read()).vms;
    assert.equal([vm?.volume, vm?.route, vm?.muted], [50, 'other', false]);
  }),
);

processes('audio-control sockets: 1 grants, 0 revokes, anything else revokes and is told', () =>
  withHost(async (host) => {
    const faults: string[] = [];
    const close = await serveQubesControl({
      directory: host.directory,
      vms: ['chrome-vm'],
      setAllowed: async (domain, isAllowed) => {
        await (isAllowed ? host.grant(domain, '@mic') : host.revoke(domain, '@mic'));
      },
      onFault: (_vm, what) => void faults.push(what),
    });
    const say = (text: string): void => void connect(join(host.directory, 'audio-control.chrome-vm')).end(text);
    const isGranted = (): boolean => host.broker.grants.list().length === 1;
    for (const [text, granted, count] of [
      ['audio-input 1\n', true, 0],
      ['audio-input 0\n', false, 0],
      ['audio-input 1\n', true, 0],
      ['', false, 1],
      ['audio-input 1\n', true, 1],
      ['audio-input 1', false, 2],
      ['audio-input 1\n', true, 2],
      ['audio-input 2\n', false, 3],
    ] as const) {
      say(text);
      await until(`"${text.trim()}" is obeyed`, () => isGranted() === granted && faults.length === count);
    }
    await close();
  }),
);

async function fails(work: () => Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work().then(
    () => null,
    (failure: unknown) => failure,
  );
  assert.match(String((error as { stderr?: string } | null)?.stderr ?? error), message);
}

processes.run();
