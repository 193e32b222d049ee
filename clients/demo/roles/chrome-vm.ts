/**
 * chrome-vm: a VM without a sound server. Its audio endpoint plays raw samples from standard input, as
 * `argus audio agent --playback -` does, with send times added.
 */
import { AudioEndpoint, FrameCutter, playRaw } from '../../agents/audio/index.ts';
import { connect } from '../../sdk/index.ts';
import { FastClock } from '../audio/fast-clock.ts';
import { AUDIO_VM, finished, readTask, STAMPS_MS, sharedMicros, tell } from './messages.ts';

const task = readTask<{ identity: string; carrier: string; fast: boolean }>();
const isOver = finished();
const vm = await connect({ carrier: task.carrier, identity: task.identity });
const agent = await AudioEndpoint.start({
  vm,
  audioVm: AUDIO_VM,
  // Silent samples are sent as well, because all samples are compared.
  corksSilence: false,
  ...(task.fast ? { clock: new FastClock() } : {}),
});
tell({ kind: 'ready' });

let stamps: number[] = [];
let bytes = 0;
const timer = setInterval(tellSent, STAMPS_MS);
await playRaw(agent, timed(process.stdin));
clearInterval(timer);
tellSent();
const { sent, dropped, denied } = agent.counts;
tell({ kind: 'done', frames: sent, lost: dropped + denied });
await isOver;
await agent.close();
await vm.close();
process.disconnect();

/** The input in frames; the endpoint asks for the next frame when it has sent the one before. */
async function* timed(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const cutter = new FrameCutter();
  for await (const chunk of input) for (const frame of cutter.push(chunk)) yield* stamped(frame);
  yield* stamped(cutter.flush());
}

function* stamped(frame: Uint8Array): Generator<Uint8Array> {
  if (frame.length === 0) return;
  yield frame;
  stamps.push(sharedMicros());
  bytes += frame.length;
}

function tellSent(): void {
  tell({ kind: 'sent', stamps, bytes });
  stamps = [];
}
