/** `--sound`: what audio-vm records is heard as well, on the sound server of whoever runs the demo. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeWav } from '../../clients/demo/audio/wav.ts';
import { Pulse } from '../support/audio/pulse.ts';
import { onServer } from '../support/audio/sound-daemons.ts';
import { sounding, tone, toneLevel, toneSeconds } from '../support/audio/tones.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const sound = suite('the demo, aloud');
const PROGRAM = 'clients/demo/main.ts';
const HERTZ = 800;

onServer(
  'pulseaudio',
  sound,
  'a tone that chrome-vm plays sounds in the default sink, and the samples are identical',
  async (kind) => {
    const pulse = await new Pulse(kind).start();
    try {
      const wav = join(temporaryDirectory(), 'tone.wav');
      writeFileSync(wav, writeWav(tone(HERTZ, 1.5)));
      const stop = await pulse.record('speaker.monitor');
      const args = ['--sound', '--json', '--wav', wav];
      const { code, stdout, stderr } = await runCli(args, {
        program: PROGRAM,
        env: { ...pulse.environment } as Record<string, string>,
      });
      const heard = await stop();
      assert.is(code, 0, stderr);
      assert.is(JSON.parse(stdout).samples.identical, true);
      const level = toneLevel(sounding(heard), HERTZ);
      assert.ok(level > 0.4 && level < 0.55, `level ${level}`);
      // A busy machine may leave gaps; a tone it is all the same.
      assert.ok(toneSeconds(heard, HERTZ, 0.5) > 0.75);
    } finally {
      await pulse.stop();
    }
  },
);

sound('where no sound server answers it says so, and nothing is started', async () => {
  const env = { PULSE_SERVER: 'unix:/nowhere', PULSE_RUNTIME_PATH: '/nowhere' };
  const { code, stdout, stderr } = await runCli(['--sound'], { program: PROGRAM, env });
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, 'ERR_DEMO_SOUND');
});

sound.run();
