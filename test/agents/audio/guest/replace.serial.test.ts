/** Another AudioVM at run time, and a GuiVM that sounds itself: policies, processes and sound servers as an operator has them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../support/audio/host.ts';
import { onServer } from '../../../support/audio/sound-daemons.ts';
import { sounding, tone, toneLevel } from '../../../support/audio/tones.ts';
import { fails, withAudioFixture } from '../audio-processes.ts';

const replace = suite('audio replacement');

const SECOND = '  - name: audio-vm-2\n    domid: 7\n    labels: ["@service", "@audio"]\n';
/** The second AudioVM may play what chrome-vm sends, and may not let it hear. */
const TWO_AUDIO_VMS = {
  'domains.yaml': (text: string) => text.replace('  - name: net-vm\n', `${SECOND}  - name: net-vm\n`),
  'policy.csv': (text: string) => `${text}p, audio-vm-2, chrome-vm, audio-capture, send, deny\n`,
};

onServer(
  'pulseaudio',
  replace,
  'another AudioVM: streams move to its sound server, and the microphone is decided again',
  (kind) =>
    withAudioFixture(
      kind,
      async (harness) => {
        // The second AudioVM's sound server is the one that other tests have in the guest.
        const { host, audioPulse, guestPulse } = harness;
        await Promise.all([harness.service(), harness.service('audio-vm-2', guestPulse)]);
        const file = join(host.directory, 'audio-domain');
        writeFileSync(file, 'audio-vm\n');
        const session = await harness.args('chrome-vm');
        const agent = harness.start(
          ['agent', ...session, '--audio-vm-file', file, '--playback', '-', '--capture', '-'],
          process.env,
        );
        let heard = 0;
        agent.stdout?.on('data', (bytes: Buffer) => {
          if (bytes.some((byte) => byte !== 0)) heard += bytes.length;
        });
        const stopVoices = [audioPulse, guestPulse].map((pulse) => pulse.play('voice', tone(700, 60)));
        agent.stdin?.on('error', () => {}); // it is stopped before it has read all
        agent.stdin?.write(tone(1_000, 60));
        await host.grant('chrome-vm', '@mic');
        await until('the first one plays and lets it hear', () => {
          const isPlaying = audioPulse.streams('sink-inputs').includes('chrome-vm');
          return isPlaying && heard > 17_640 && harness.key('audio-input', 'chrome-vm') === '1';
        });

        writeFileSync(file, 'audio-vm-2\n');
        await until('the second one plays', () => guestPulse.streams('sink-inputs').includes('chrome-vm'));
        const stop = await guestPulse.record('speaker.monitor');
        await until('the first one does not', () => !audioPulse.streams('sink-inputs').includes('chrome-vm'));
        await until('nor does it record', () => !audioPulse.streams('source-outputs').includes('chrome-vm'));
        // The service learns that policy forbids it from the answer to its first frame.
        await until('it is asked and granted, and not permitted', async () => {
          const [vm] = (await harness.read('audio-vm-2')).vms;
          return vm?.asked === true && vm.granted && !vm.actual;
        });
        const before = heard;
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.is(heard, before, 'it hears silence');
        assert.not.ok(guestPulse.streams('source-outputs').includes('chrome-vm'));
        const level = toneLevel(sounding(await stop()), 1_000);
        assert.ok(level > 0.4 && level < 0.55, `level ${level} at 1000 Hz`);

        writeFileSync(file, '');
        await until('there is no AudioVM', () => !guestPulse.streams('sink-inputs').includes('chrome-vm'));
        writeFileSync(file, 'audio-vm');
        await until('it hears the first one again', () => heard > before + 17_640);
        for (const stopVoice of stopVoices) stopVoice();
      },
      TWO_AUDIO_VMS,
    ),
);

const EXAMPLE = new URL('../../../../docs/examples/gui-vm-sound/', import.meta.url);
const example = (name: string): ((text: string) => string) => {
  const rows = readFileSync(new URL(name, EXAMPLE), 'utf8');
  return (text) => text + rows;
};
const GUI_VM_SOUND = Object.fromEntries(
  ['policy.csv', 'assertions.csv', 'tests.csv'].map((name) => [name, example(name)]),
);

onServer(
  'pipewire',
  replace,
  'the example of a GuiVM that sounds itself: checked, it plays and mixes on one session, and hears nothing',
  (kind) =>
    withAudioFixture(
      kind,
      async (harness) => {
        const { host, audioPulse, guestPulse } = harness;
        assert.match(
          await harness.run('policy', 'check', join(host.directory, 'policy')),
          /no findings|0 findings|ok/i,
        );
        await harness.service();
        const socket = join(host.directory, 'mixer.sock');
        harness.start(['agent', ...(await harness.args('gui-vm')), '--mixer', socket], guestPulse.environment);
        await until('the GuiVM has a sink', () => guestPulse.control('list', 'short', 'sinks').includes('argus'));
        const stopProgram = guestPulse.play('argus', tone(1_000, 20));
        await until('it sounds in the AudioVM', () => audioPulse.streams('sink-inputs').includes('gui-vm'));
        assert.match(await harness.run('audio', 'mixer', '--socket', socket, 'volume', 'gui-vm', '50'), /gui-vm.*50 %/);
        await fails(() => harness.run('audio', 'mixer', '--socket', socket, 'mute', 'mail-vm'), /ERR_AUDIO_NO_VM/);
        const stop = await audioPulse.record('speaker.monitor');
        await new Promise((resolve) => setTimeout(resolve, 500));
        const level = toneLevel(sounding(await stop()), 1_000);
        assert.ok(level > 0.04 && level < 0.09, `level ${level} at 50 %`);

        const stopRecording = await guestPulse.record('argus-mic');
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.is(sounding(await stopRecording()).length, 0);
        stopProgram();
        const [vm] = (await harness.read()).vms;
        assert.equal([vm?.asked, vm?.granted, vm?.actual], [false, false, false], 'it may not even ask');
        const grant = await host.grant('gui-vm', '@mic');
        assert.is(grant.ok, false, 'nor can it be granted');
      },
      GUI_VM_SOUND,
    ),
);

replace.run();
