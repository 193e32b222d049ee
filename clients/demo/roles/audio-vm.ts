/**
 * audio-vm: the audio service without a sound server, as `argus audio service --record DIR` runs it, with arrival times added.
 * With `--sound` a real sound server plays the recording as well.
 */
import { AudioService, PulseServer, RecordingServer } from '../../agents/audio/index.ts';
import { connect } from '../../sdk/index.ts';
import { FastClock } from '../audio/fast-clock.ts';
import { TimedSoundServer } from '../audio/timed-sound-server.ts';
import { finished, readTask, STAMPS_MS, sharedMicros, tell } from './messages.ts';

const task = readTask<{ identity: string; carrier: string; record: string; fast: boolean; sound: boolean }>();
const isOver = finished();
const vm = await connect({ carrier: task.carrier, identity: task.identity });
const server = new TimedSoundServer(
  new RecordingServer(task.record),
  task.sound ? new PulseServer() : null,
  sharedMicros,
);
const service = await AudioService.start({ vm, server, ...(task.fast ? { clock: new FastClock() } : {}) });
tell({ kind: 'ready' });

const timer = setInterval(tellHeard, STAMPS_MS);
await isOver;
clearInterval(timer);
// Forced, because chrome-vm's session may still be open.
await service.stop({ force: true });
tellHeard();
tell({ kind: 'done', frames: server.frames });
await vm.close();
process.disconnect();

function tellHeard(): void {
  tell({ kind: 'heard', stamps: server.takeStamps(), bytes: server.bytes });
}
