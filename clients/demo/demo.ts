/** The demo with its options: checks the inputs, runs once, prints the summary and removes all that it created. */

import { recordingPcm } from './audio/recording.ts';
import { NatsSetting } from './carriers/nats.ts';
import { natsServerProgram } from './carriers/nats-program.ts';
import { SocketSetting } from './carriers/socket.ts';
import { Narrator } from './output/narrator.ts';
import { printSummary } from './output/report.ts';
import { type RunOptions, runOnce } from './run.ts';
import { readWav, requireLoudspeaker, requireWritable } from './setup/inputs.ts';
import { Installation } from './setup/installation.ts';

export interface DemoOptions extends RunOptions {
  readonly wav?: string;
  readonly carrier?: 'unix' | 'nats';
  readonly natsServer?: string;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Returns true when every promise held. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const pcm = options.wav === undefined ? recordingPcm() : await readWav(options.wav);
  if (options.out !== undefined) await requireWritable(options.out);
  if (options.sound === true) requireLoudspeaker();
  const program = options.carrier === 'nats' ? natsServerProgram(options.natsServer) : null;
  const narrator = new Narrator(options.json === true ? process.stderr : process.stdout, program !== null);

  const keep = options.keep === true;
  const installation = await Installation.create(keep);
  const nats = program === null ? null : new NatsSetting(installation, program, pcm, narrator);
  const carrier =
    nats ?? new SocketSetting((domain) => installation.socketOf(domain), installation.path('run', 'tapped.sock'));
  const close = async (): Promise<void> => {
    await installation.stop();
    await carrier.close();
    await installation.clear();
  };
  let isInterrupted = false;
  const stop = (): void => {
    if (isInterrupted) return;
    isInterrupted = true;
    void close().finally(() => process.exit(130));
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    const summary = await runOnce(installation, carrier, pcm, options, narrator);
    await carrier.close();
    const seen = nats?.seen() ?? null;
    if (seen !== null) nats?.tell(seen);
    const ok = summary.ok && seen?.sealed !== false;
    printSummary({ ...summary, ok, carrier: options.carrier ?? 'unix', server: seen }, options.json === true);
    return ok;
  } catch (error) {
    // The run failed because the signal handler is ending it; that handler exits.
    if (isInterrupted) await new Promise(() => {});
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await close();
    if (keep) narrator.line(`kept: ${installation.directory}`);
  }
}
