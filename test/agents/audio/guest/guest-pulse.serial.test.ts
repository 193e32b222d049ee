/** The agent's modules in a guest's sound server: who records is noticed, leftovers are replaced, nothing stays loaded. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GuestPulse } from '../../../../clients/agents/audio/index.ts';
import { until } from '../../../support/audio/host.ts';
import { Pulse } from '../../../support/audio/pulse.ts';
import { onEachServer } from '../../../support/audio/sound-daemons.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const guest = suite('guest sound server');

onEachServer(
  guest,
  'one sink and one source, whatever an agent that was killed has left; recording is noticed',
  async (kind) => {
    const server = await new Pulse(kind).start();
    const left = new GuestPulse(temporaryDirectory(), () => {}, server.environment);
    const pulse = new GuestPulse(temporaryDirectory(), () => {}, server.environment);
    let microphone: NodeJS.Timeout | undefined;
    const names = (what: string): string[] =>
      server.control('list', 'short', what).match(/\targus(?:-mic)?(?:\.\d+)?(?=\t)/g) ?? [];
    try {
      await left.open();
      await pulse.open();
      assert.equal([...names('sinks'), ...names('sources')], ['\targus', '\targus-mic']);
      microphone = setInterval(() => void pulse.capture?.write(new Uint8Array(3_528)), 20);
      const said: boolean[] = [];
      pulse.watchRecording((isRecording) => void said.push(isRecording));
      const stop = await server.record('argus-mic');
      await until('it is noticed', () => said.length === 1);
      await stop();
      await until('its end as well', () => said.length === 2);
      const stopOther = await server.record('voice.monitor');
      await stopOther();
      await pulse.close();
      assert.equal([...names('sinks'), ...names('sources')], []);
      assert.equal(said, [true, false], 'another source is nobody’s business');
    } finally {
      clearInterval(microphone);
      await pulse.close();
      await left.close();
      await server.stop();
    }
  },
);

onEachServer(guest, 'without a sound server the error says what to do', async (kind) => {
  const server = new Pulse(kind);
  const pulse = new GuestPulse(temporaryDirectory(), () => {}, server.environment);
  const error = await pulse.open().catch((failure: unknown) => failure);
  assert.is((error as { code?: unknown }).code, 'ERR_AUDIO_SOUND_SERVER');
  assert.match((error as Error).message, /--playback and --capture/);
  await pulse.close();
});

guest.run();
