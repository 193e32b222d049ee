/** `argus audio mixer`: a view, single changes, and JSON; on a session of its own or through the VM's audio agent. */
import { Command, InvalidArgumentError } from 'commander';
import { Mixer, type MixerControl, openMixer } from '../../../agents/audio/index.ts';
import { connect, type Vm } from '../../../sdk/index.ts';
import { printJson } from '../../output.ts';
import { describeEntry, renderMixer, watchMixer } from './mixer-view.ts';

/** The default AudioVM. The agent plays to the same one by default. */
export const DEFAULT_AUDIO_VM = 'audio-vm';

interface MixerOptions {
  readonly carrier?: string;
  readonly identity?: string;
  readonly socket?: string;
  readonly audioVm: string;
  readonly json?: boolean;
}

export function mixerCommand(): Command {
  const command = new Command('mixer')
    .option('--carrier <spec>', 'the way to the broker: serial:/dev/virtio-ports/argus.0, unix:/path or tcp:host:port')
    .option('--identity <dir>', 'identity of this VM (argus keys enrol)')
    .option('--socket <path>', 'instead of both: of an "argus audio agent --mixer" in this VM')
    .description('in the GuiVM: volume, mute and route of every VM; without a command, a view to change them in')
    .option('--audio-vm <name>', 'the AudioVM', DEFAULT_AUDIO_VM)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  argus audio mixer --carrier serial:/dev/virtio-ports/argus.0 --identity /etc/argus/identity',
    )
    .action(async (options: MixerOptions) => {
      await mix(command, options, async (mixer) => {
        if (options.json === true) printJson((await mixer.read()).map(describeEntry));
        else if (process.stdin.isTTY && process.stdout.isTTY) await watchMixer(mixer);
        else process.stdout.write(renderMixer(await mixer.read()));
      });
    });
  const change = (name: string, about: string, second: string | null, example: string, run: Change): void => {
    const sub = command.command(name).description(about).argument('<vm>', 'whose sound');
    sub.addHelpText(
      'after',
      `\nExample:\n  argus audio mixer --carrier unix:/run/argus/gui-vm.sock --identity /etc/argus/identity ${example}`,
    );
    if (second !== null) {
      const [argument = '', meaning] = second.split('|');
      if (name === 'volume') sub.argument(argument, meaning, checkPercent);
      else sub.argument(argument, meaning);
    }
    sub.action(async (vm: string, ...rest: unknown[]) => {
      const value = typeof rest[0] === 'string' ? rest[0] : '';
      const options = command.opts<MixerOptions>();
      await mix(command, options, async (mixer) => {
        const entry = await run(mixer, vm, value);
        if (options.json === true) printJson(describeEntry(entry));
        else process.stdout.write(renderMixer([entry]));
      });
    });
  };
  change('volume', 'set a volume', '<percent>|0 to 150', 'volume chrome-vm 60', (mixer, vm, value) =>
    mixer.setVolume(vm, Number(value)),
  );
  change('mute', 'silence a VM', null, 'mute chrome-vm', (mixer, vm) => mixer.setMuted(vm, true));
  change('unmute', 'let it sound again', null, 'unmute chrome-vm', (mixer, vm) => mixer.setMuted(vm, false));
  change(
    'route',
    'play on another sink',
    '<sink>|name of a sink of the AudioVM, or "default"',
    'route chrome-vm default',
    (mixer, vm, value) => mixer.setRoute(vm, value === 'default' ? null : value),
  );
  return command;
}

type Change = (mixer: MixerControl, vm: string, value: string) => ReturnType<Mixer['setMuted']>;

/** The text without its sign, so that what is none is told before anybody is asked. */
function checkPercent(text: string): string {
  const percent = text.replace(/%$/, '');
  if (!/^\d+$/.test(percent)) throw new InvalidArgumentError('expected a whole number of 0 to 150.');
  return percent;
}

async function mix(
  command: Command,
  options: MixerOptions,
  work: (mixer: MixerControl) => Promise<void>,
): Promise<void> {
  const { socket, carrier, identity, audioVm } = options;
  if (socket !== undefined) return useMixer(await openMixer(socket), work);
  if (carrier === undefined || identity === undefined)
    return command.error('error: give --carrier and --identity, or --socket');
  const vm: Vm = await connect({ carrier, identity });
  try {
    await useMixer(await Mixer.start(vm, audioVm), work);
  } finally {
    await vm.close();
  }
}

async function useMixer(mixer: MixerControl, work: (mixer: MixerControl) => Promise<void>): Promise<void> {
  try {
    await work(mixer);
  } finally {
    await mixer.close();
  }
}
