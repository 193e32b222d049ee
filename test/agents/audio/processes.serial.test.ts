/** The commands as an operator runs them: processes of their own, two sound servers, and what goes from one to the other. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveQubesControl } from '../../../clients/agents/audio/index.ts';
import { until, withHost } from '../../support/audio/host.ts';
import { onEachServer, onServer } from '../../support/audio/sound-daemons.ts';
import { sounding, tone, toneLevel, toneSeconds } from '../../support/audio/tones.ts';
import { fails, withAudioFixture } from './audio-processes.ts';

const processes = suite('audio processes');

onEachServer(
  processes,
  'from a program in the guest to the sink of the AudioVM, and from its microphone to a program',
  (kind) =>
    withAudioFixture(kind, async (harness) => {
      const { host, audioPulse, guestPulse } = harness;
      await harness.service();
      const agent = harness.start(['agent', ...(await harness.args('chrome-vm'))], guestPulse.environment);
      await until('the guest has a sink', () => guestPulse.control('list', 'short', 'sinks').includes('argus'));
      const stopProgram = guestPulse.play('argus', tone(1_000, 3));
      await until('it sounds in the AudioVM', () => audioPulse.streams('sink-inputs').includes('chrome-vm'));
      const stop = await audioPulse.record('speaker.monitor');
      await new Promise((resolve) => setTimeout(resolve, 800));
      const level = toneLevel(sounding(await stop()), 1_000);
      stopProgram();
      assert.ok(level > 0.4 && level < 0.55, `level ${level} at 1000 Hz`);

      await guestPulse.stop();
      await guestPulse.start();
      await until('the guest has its source again', () =>
        guestPulse.control('list', 'short', 'sources').includes('argus-mic'),
      );
      const stopAgain = guestPulse.play('argus', tone(1_000, 3));
      const [before] = (await harness.read()).vms;
      await until('it sounds again', async () => {
        const [now] = (await harness.read()).vms;
        return (now?.played.played ?? 0) > (before?.played.played ?? 0) + 88_200;
      });
      stopAgain();

      const stopVoice = audioPulse.play('voice', tone(700, 30));
      const stopRecording = await guestPulse.record('argus-mic');
      await until('the guest asks', () => harness.key('audio-input-request', 'chrome-vm') === '1');
      // One file after the other, by another process.
      await until('it is told that it may not', () =>
        ['audio-input-config', 'audio-input'].every((name) => harness.key(name, 'chrome-vm') === '0'),
      );
      const granted = await harness.run('grant', 'chrome-vm', '@mic', '--for', '10m', '--control', host.broker.control);
      assert.match(granted, /chrome-vm has @mic for 600 s/);
      await until('it hears', () => harness.key('audio-input', 'chrome-vm') === '1');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const heard = await stopRecording();
      stopVoice();
      const length = toneSeconds(heard, 700, 0.5);
      const level700 = toneLevel(heard, 700);
      assert.ok(length > 0.3 && level700 > 0.4 && level700 < 0.55, `level ${level700} at 700 Hz for ${length} s`);
      assert.ok(toneLevel(heard.subarray(0, 8_820), 700) < 0.01, 'silence before the grant');
      await until('the guest no longer asks', () => harness.key('audio-input-request', 'chrome-vm') === '0');
      await until('no record stream is left', () => !audioPulse.streams('source-outputs').includes('chrome-vm'));
      const modules = (): string[] => guestPulse.control('list', 'short', 'modules').match(/module-pipe-\w+/g) ?? [];
      assert.equal(modules().sort(), ['module-pipe-sink', 'module-pipe-source']);
      agent.kill('SIGTERM');
      await until('the modules are unloaded', () => modules().length === 0);
    }),
);

onServer('pulseaudio', processes, 'raw samples on stdin; the mixer’s volume outlives service and agent', (kind) =>
  withAudioFixture(kind, async (harness) => {
    const { audioPulse } = harness;
    await harness.service();
    const agent = harness.start(
      ['agent', ...(await harness.args('mail-vm')), '--playback', '-'],
      harness.guestPulse.environment,
    );
    agent.stdin?.write(tone(500, 0.2));
    await until('the service knows mail-vm', async () => (await harness.read()).vms.some(({ vm }) => vm === 'mail-vm'));
    const mixer = await harness.args('gui-vm');
    assert.match(await harness.run('audio', 'mixer', ...mixer, 'volume', 'mail-vm', '50'), /mail-vm.*50 %/);
    assert.match(await harness.run('audio', 'mixer', ...mixer, 'route', 'mail-vm', 'other'), /other/);
    await fails(() => harness.run('audio', 'mixer', ...mixer, 'volume', 'mail-vm', '151'), /ERR_AUDIO_VOLUME/);
    await fails(() => harness.run('audio', 'mixer', ...mixer, 'mute', 'rogue-vm'), /ERR_AUDIO_NO_VM/);
    await harness.close();
    await harness.service();
    const again = harness.start(
      ['agent', ...(await harness.args('mail-vm')), '--playback', '-'],
      harness.guestPulse.environment,
    );
    const stop = await audioPulse.record('other.monitor');
    again.stdin?.write(tone(500, 1, 0.8)); // not end(): an agent that has played all goes, and with it its line in the mixer
    await until('it is played', async () => (await harness.read()).vms.some(({ played }) => played.played > 150_000));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const level = toneLevel(sounding(await stop()), 500);
    assert.ok(level > 0.07 && level < 0.12, `level ${level}`);
    const [vm] = (await harness.read()).vms;
    assert.equal([vm?.volume, vm?.route, vm?.muted], [50, 'other', false]);
  }),
);

processes('audio-control sockets: 1 grants, 0 revokes, anything else revokes and is told', () =>
  withHost(async (host) => {
    const faults: string[] = [];
    const close = await serveQubesControl({
      directory: host.directory,
      vms: ['chrome-vm'],
      setAllowed: async (domain, isAllowed) => {
        await (isAllowed ? host.grant(domain, '@mic') : host.revoke(domain, '@mic'));
      },
      onFault: (_vm, what) => void faults.push(what),
    });
    const say = (text: string): void => void connect(join(host.directory, 'audio-control.chrome-vm')).end(text);
    const isGranted = (): boolean => host.broker.grants.list().length === 1;
    for (const [text, granted, count] of [
      ['audio-input 1\n', true, 0],
      ['audio-input 0\n', false, 0],
      ['audio-input 1\n', true, 0],
      ['', false, 1],
      ['audio-input 1\n', true, 1],
      ['audio-input 1', false, 2],
      ['audio-input 1\n', true, 2],
      ['audio-input 2\n', false, 3],
    ] as const) {
      say(text);
      await until(`"${text.trim()}" is obeyed`, () => isGranted() === granted && faults.length === count);
    }
    await close();
  }),
);

processes.run();
