/** audio-vm: takes what apps play in one wildcard ring, writes it to a WAV file, and plays it where there is a sound server. */
import { writeFile } from 'node:fs/promises';
import { connect } from '../../sdk/index.ts';
import { LatencyHistogram } from '../latency.ts';
import { PLAYBACK_PORT, PLAYBACK_RING_BYTES } from '../playback.ts';
import { openSpeaker } from '../speaker.ts';
import { writeWav } from '../wav.ts';
import { readTask, sharedMicros, tell } from './messages.ts';

const PROGRESS_MS = 250;

const task = readTask<{ identity: string; carrier: string; wav: string }>();
const vm = await connect({ carrier: task.carrier, identity: task.identity });
const ring = await vm.registerRing({ port: PLAYBACK_PORT, partner: 'any', length: PLAYBACK_RING_BYTES });
const speaker = openSpeaker();
tell({ kind: 'ready' });

const heard: Uint8Array[] = [];
const latency = new LatencyHistogram();
let frames = 0;
let bytes = 0;
const timer = setInterval(() => tell({ kind: 'progress', frames, bytes, ...latency.summary() }), PROGRESS_MS);
for await (const message of ring) {
  if (message.payload.length === 0) break;
  latency.add((sharedMicros() - message.type) >>> 0);
  frames++;
  bytes += message.payload.length;
  heard.push(message.payload.slice());
  speaker.play(message.payload);
}
clearInterval(timer);
speaker.close();
await writeFile(task.wav, writeWav(Buffer.concat(heard)));
tell({ kind: 'progress', frames, bytes, ...latency.summary() });
tell({ kind: 'done', frames, ...latency.summary() });
await vm.close();
process.disconnect();
