/**
 * audio-vm: the audio service, without a sound server, as `argus audio service --record DIR` runs it; here with a stopwatch. With
 * `--sound` what it records is heard as well.
 */
import { AudioService, PulseServer, RecordingServer } from '../../agents/audio/index.ts';
import { connect } from '../../sdk/index.ts';
import { FastClock } from '../audio/fast-clock.ts';
import { TimedServer } from '../audio/timed-sound-server.ts';
import { curtain, readTask, STAMPS_MS, sharedMicros, tell } from './messages.ts';

const task = readTask<{ identity: string; carrier: string; record: string; fast: boolean; sound: boolean }>();
const isOver = curtain();
const vm = await connect({ carrier: task.carrier, identity: task.identity });
const server = new TimedServer(new RecordingServer(task.record), task.sound ? new PulseServer() : null, sharedMicros);
const service = await AudioService.start({ vm, server, ...(task.fast ? { clock: new FastClock() } : {}) });
tell({ kind: 'ready' });

const timer = setInterval(tellHeard, STAMPS_MS);
await isOver;
clearInterval(timer);
// Forced, for chrome-vm may not have said goodbye yet.
await service.stop({ force: true });
tellHeard();
tell({ kind: 'done', frames: server.frames });
await vm.close();
process.disconnect();

function tellHeard(): void {
  tell({ kind: 'heard', stamps: server.takeStamps(), bytes: server.bytes });
}
