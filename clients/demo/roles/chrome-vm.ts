/** chrome-vm: plays a recording to audio-vm, 10 ms a message, each carrying its time of sending as message type. */
import { readFile } from 'node:fs/promises';
import { connect } from '../../sdk/index.ts';
import { AUDIO_VM, PLAYBACK_FRAME_BYTES, PLAYBACK_FRAME_MS, PLAYBACK_PORT, SEND_DEADLINE_MS } from '../playback.ts';
import { readTask, sharedMicros, tell } from './messages.ts';

const task = readTask<{ identity: string; carrier: string; pcm: string; fast: boolean }>();
const pcm = await readFile(task.pcm);
const vm = await connect({ carrier: task.carrier, identity: task.identity });
const to = { domain: AUDIO_VM, port: PLAYBACK_PORT };
tell({ kind: 'ready' });

const startedAt = performance.now();
let frames = 0;
let last: Promise<number> = Promise.resolve(0);
for (let at = 0; at < pcm.length; at += PLAYBACK_FRAME_BYTES) {
  const dueIn = task.fast ? 0 : startedAt + frames * PLAYBACK_FRAME_MS - performance.now();
  if (dueIn > 0) await new Promise((resolve) => setTimeout(resolve, dueIn));
  last = vm.sendv({
    to,
    type: sharedMicros(),
    iov: pcm.subarray(at, Math.min(at + PLAYBACK_FRAME_BYTES, pcm.length)),
    deadline: SEND_DEADLINE_MS,
  });
  frames++;
  // At full speed a window keeps the queue short; at real-time pace every frame is long accepted by now.
  if (frames % 64 === 0 || !task.fast) await last;
}
await last;
// An empty message ends the stream: whole frames, none of them.
await vm.sendv({ to, iov: [], deadline: SEND_DEADLINE_MS });
tell({ kind: 'done', frames });
await vm.close();
process.disconnect();
