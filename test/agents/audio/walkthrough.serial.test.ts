/** What docs/audio.md says to try on one machine, as it says it; and the control socket of Qubes as a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { accepts } from '../../support/accepts.ts';
import { until } from '../../support/audio/host.ts';
import { onServer } from '../../support/audio/sound-daemons.ts';
import { tone } from '../../support/audio/tones.ts';
import { withAudioFixture } from './audio-processes.ts';

const walkthrough = suite('audio walkthrough');

onServer('pulseaudio', walkthrough, 'each command does what it says, and the control socket of Qubes too', (kind) =>
  withAudioFixture(kind, async (harness) => {
    const { host, audioPulse } = harness;
    const at = (name: string): string => join(host.directory, name);
    const docs = readFileSync(new URL('../../../docs/audio.md', import.meta.url), 'utf8');
    const [, block = ''] = /```sh\n(# audio-vm: [^`]*)```/.exec(docs) ?? [];
    const lines = block.split('\n').filter((line) => line.startsWith('argus '));
    assert.is(lines.length, 5);
    writeFileSync(at('song.raw'), tone(1_000, 60));
    for (const vm of ['audio-vm', 'chrome-vm', 'gui-vm']) await host.identity(vm);
    const outputs: string[] = [];
    for (const line of lines) {
      const words = line.replaceAll('$PWD', host.directory).split(' ').slice(1);
      if (words.at(-1) !== '&') outputs.push(await harness.run(...words));
      else harness.start(words.slice(1, -1), audioPulse.environment);
      if (words[1] === 'service') await until('the service runs', () => accepts(at('run/audio.sock')));
      if (words[1] === 'agent') await until('it sounds', () => audioPulse.streams('sink-inputs').includes('chrome-vm'));
    }
    const [status = '', mixer = '', grant = ''] = outputs;
    assert.match(status, /chrome-vm . running . 100 % +. yes +. no +. no/);
    assert.match(mixer, /chrome-vm . 60 %/);
    assert.match(grant, /chrome-vm has @mic for 600 s/);
    await until('it hears', () => audioPulse.streams('source-outputs').includes('chrome-vm'));

    const { control } = host.broker;
    harness.start(['qubes-control', 'chrome-vm', '--control', control, '--directory', host.directory], process.env);
    await until('somebody listens', () => accepts(at('audio-control.chrome-vm')));
    const say = (text: string): void => void connect(at('audio-control.chrome-vm')).end(text);
    say('audio-input 0\n');
    await until('it is revoked', () => host.broker.grants.list().length === 0);
    await until('it hears no more', () => !audioPulse.streams('source-outputs').includes('chrome-vm'));
    say('audio-input 1\n');
    await until('it hears again', () => audioPulse.streams('source-outputs').includes('chrome-vm'));
  }),
);

walkthrough.run();
