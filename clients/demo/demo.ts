/** The demo as it was asked for: finds what it needs, has it played, says what came of it, and leaves nothing behind. */

import { recordingPcm } from './audio/recording.ts';
import { NatsWay } from './carriers/nats.ts';
import { natsServerProgram } from './carriers/nats-program.ts';
import { SocketWay } from './carriers/socket.ts';
import { Narrator } from './output/narrator.ts';
import { printSummary } from './output/report.ts';
import { type PlayOptions, play } from './run.ts';
import { readWav, requireWritable } from './setup/files.ts';
import { Scene } from './setup/installation.ts';
import { requireLoudspeaker } from './setup/loudspeaker.ts';

export interface DemoOptions extends PlayOptions {
  readonly wav?: string;
  readonly carrier?: 'unix' | 'nats';
  readonly natsServer?: string;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** True when everything that was promised held. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const pcm = options.wav === undefined ? recordingPcm() : await readWav(options.wav);
  if (options.out !== undefined) await requireWritable(options.out);
  if (options.sound === true) requireLoudspeaker();
  const program = options.carrier === 'nats' ? natsServerProgram(options.natsServer) : null;
  const narrator = new Narrator(options.json === true ? process.stderr : process.stdout, program !== null);

  const keep = options.keep === true;
  const scene = await Scene.make(keep);
  const nats = program === null ? null : new NatsWay(scene, program, pcm, narrator);
  const way = nats ?? new SocketWay((domain) => scene.socketOf(domain), scene.path('run', 'tapped.sock'));
  const close = async (): Promise<void> => {
    await scene.stop();
    await way.close();
    await scene.clear();
  };
  let isInterrupted = false;
  const stop = (): void => {
    if (isInterrupted) return;
    isInterrupted = true;
    void close().finally(() => process.exit(130));
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  // A terminal that is closed, a pipe that nobody reads any more: nobody is there to play to.
  for (const out of [process.stdout, process.stderr]) out.on('error', stop);
  try {
    const summary = await play(scene, way, pcm, options, narrator);
    await way.close();
    const seen = nats?.seen() ?? null;
    if (seen !== null) nats?.tell(seen);
    const ok = summary.ok && seen?.sealed !== false;
    printSummary({ ...summary, ok, carrier: options.carrier ?? 'unix', server: seen }, options.json === true);
    return ok;
  } catch (error) {
    // What is awaited fails because it is being ended.
    if (isInterrupted) await new Promise(() => {});
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await close();
    if (keep) narrator.line(`kept: ${scene.directory}`);
  }
}
