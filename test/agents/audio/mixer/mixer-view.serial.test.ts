/** `argus audio mixer` in a terminal: keys do what they say, the screen follows, and the terminal is left as it was. */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AudioEndpoint, AudioService } from '../../../../clients/agents/audio/index.ts';
import { until, withHost } from '../../../support/audio/host.ts';
import { needs } from '../../../support/needs.ts';
import { CLI, nodeArguments } from '../../../support/program.ts';
import { MemoryServer } from '../memory-server.ts';
import { Terminal } from '../terminal.ts';

const view = suite('mixer view');
const withPython = needs('python3', 'python3');
const [UP, DOWN, LEFT, RIGHT] = ['\x1b[A', '\x1b[B', '\x1b[D', '\x1b[C'];

interface Harness {
  readonly service: AudioService;
  readonly terminal: Terminal;
  readonly speak: AudioEndpoint;
  /** Waits until a line of the screen matches. */
  shows(line: RegExp): Promise<void>;
}

async function withHarness(work: (harness: Harness) => Promise<void>): Promise<void> {
  await withHost(async (host) => {
    const service = await AudioService.start({ vm: await host.connect('audio-vm'), server: new MemoryServer() });
    const [speak] = await Promise.all(
      ['chrome-vm', 'mail-vm'].map(async (name) =>
        AudioEndpoint.start({ vm: await host.connect(name), audioVm: 'audio-vm' }),
      ),
    );
    await until('both are known', () => service.clients.length === 2);
    const session = ['--carrier', host.broker.carrierOf('gui-vm'), '--identity', await host.identity('gui-vm')];
    const terminal = new Terminal([process.execPath, ...nodeArguments(CLI, 'audio', 'mixer', ...session)]);
    const shows = (line: RegExp): Promise<void> =>
      until(`the screen shows ${line}`, () => terminal.screen.split('\r\n').some((each) => line.test(each)));
    try {
      await shows(/^ chrome-vm +\[#{10} {5}\] +100 % +on +- +default/);
      if (speak !== undefined) await work({ service, terminal, speak, shows });
    } finally {
      terminal.kill();
      await service.stop({ force: true });
    }
  });
}

withPython(
  view,
  'keys select, change and mute; the screen follows them, other mixers and another size; q restores it',
  () =>
    withHarness(async ({ service, terminal, speak, shows }) => {
      const volumeOf = (name: string): unknown => service.status().vms.find(({ vm }) => vm === name)?.volume;
      terminal.press(RIGHT.repeat(4)); // faster than any answer
      await until('four steps have been taken', () => volumeOf('chrome-vm') === 120);
      await shows(/^ chrome-vm +\[#{12} {3}\] +120 %/);
      terminal.press(`${DOWN}${DOWN}${LEFT}m`);
      await shows(/^ mail-vm +\[\.{10} {5}\] +muted/);
      const settings = (): string =>
        service
          .status()
          .vms.map(({ vm, volume, muted }) => `${vm} ${volume} ${muted}`)
          .sort()
          .join();
      await until('both are set', () => settings() === 'chrome-vm 120 false,mail-vm 95 true');
      terminal.press(`${UP}x?`);
      await speak.listen(true);
      await shows(/^ chrome-vm .* asked /);
      service.setVolume('chrome-vm', 30); // somebody else's
      await shows(/^ chrome-vm +\[### {12}\] +30 %/);
      terminal.resize(6, 40);
      await shows(/^ chrome-vm +30 % +on +asked *$/);
      terminal.resize(4, 40);
      await until('one line is left for VMs', () => !terminal.screen.includes('mail-vm'));
      terminal.press('q');
      assert.equal(await terminal.ended(), { code: 0, isRestored: true });
      assert.ok(terminal.output.includes('\x1b[?25h\x1b[?1049l'), 'cursor and screen are back');
    }),
);

withPython(view, 'a signal restores the terminal as well', () =>
  withHarness(async ({ terminal }) => {
    terminal.terminate();
    assert.equal(await terminal.ended(), { code: 0, isRestored: true });
    assert.ok(terminal.output.includes('\x1b[?25h\x1b[?1049l'), 'cursor and screen are back');
  }),
);

view.run();
