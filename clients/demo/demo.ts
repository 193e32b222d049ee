/** The demo with its options: checks the inputs, runs once, prints the summary and removes all that it created. */

import { INSPECTORS } from '../../broker/index.ts';
import { type AuditConsole, openConsole } from '../audit/index.ts';
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
  /** Shows the run in a browser, from before its start until the user ends the demo. */
  readonly console?: boolean;
}

/** Flows are recorded every 10 s: so many repetitions of the recording, of 6 s each, show some of them while they go on. */
const REPETITIONS_IN_CONSOLE = 4;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Returns true when every promise held. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const pcm = options.wav === undefined ? recordingOf(options) : await readWav(options.wav);
  if (options.out !== undefined) await requireWritable(options.out);
  if (options.sound === true) requireLoudspeaker();
  const program = options.carrier === 'nats' ? natsServerProgram(options.natsServer) : null;
  const narrator = new Narrator(options.json === true ? process.stderr : process.stdout, program !== null);

  const keep = options.keep === true;
  const installation = await Installation.create(keep);
  const nats = program === null ? null : new NatsSetting(installation, program, pcm, narrator);
  const carrier =
    nats ?? new SocketSetting((domain) => installation.socketOf(domain), installation.path('run', 'tapped.sock'));
  let shown: AuditConsole | null = null;
  const close = async (): Promise<void> => {
    await shown?.close();
    await installation.stop();
    await carrier.close();
    await installation.clear();
  };
  let isInterrupted = false;
  let leave: (() => void) | null = null;
  const stop = (): void => {
    // The run is over and its verdict is known: the user has looked at it long enough.
    leave?.();
    if (isInterrupted || leave !== null) return;
    isInterrupted = true;
    void close().finally(() => process.exit(130));
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    if (options.console === true) shown = await showConsole(installation, narrator);
    const summary = await runOnce(installation, carrier, pcm, options, narrator);
    await carrier.close();
    const seen = nats?.seen() ?? null;
    if (seen !== null) nats?.tell(seen);
    const ok = summary.ok && seen?.sealed !== false;
    printSummary({ ...summary, ok, carrier: options.carrier ?? 'unix', server: seen }, options.json === true);
    if (shown !== null) {
      narrator.line('The console stays until Ctrl-C.');
      await new Promise<void>((resolve) => {
        leave = resolve;
      });
    }
    return ok;
  } catch (error) {
    // The run failed because the signal handler is ending it; that handler exits.
    if (isInterrupted) await new Promise(() => {});
    throw error;
  } finally {
    // A terminal and `argus demo` both pass a signal on: the second one must not cut the clearing short.
    isInterrupted = true;
    await close();
    for (const signal of SIGNALS) process.off(signal, stop);
    if (keep) narrator.line(`kept: ${installation.directory}`);
  }
}

function recordingOf({ console: isShown, fast }: DemoOptions): Uint8Array {
  const recording = recordingPcm();
  if (isShown !== true || fast === true) return recording;
  return Buffer.concat(Array<Uint8Array>(REPETITIONS_IN_CONSOLE).fill(recording));
}

/** Waits for the browser, so that the user sees the run from its beginning. The log appears when the broker starts. */
async function showConsole(installation: Installation, narrator: Narrator): Promise<AuditConsole> {
  const shown = await openConsole({ directory: installation.audit, port: 0, keys: [], inspectors: INSPECTORS });
  narrator.line(`Open this address in a browser on this machine; the demo starts when it is open:\n   ${shown.url}`);
  await shown.visited;
  return shown;
}
