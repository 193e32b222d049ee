/** The demo's command line: options in, one exit code out. */
import { Command, CommanderError, Option } from 'commander';
import { type DemoOptions, runDemo } from './demo.ts';
import { printDemoError } from './output/report.ts';
import { runVmDemo, type VmDemoOptions } from './vms/index.ts';

/** Exit codes: 0 every promise held; 1 one did not, or an input is wrong; 2 the command line is wrong. */
export async function runCommandLine(): Promise<void> {
  const program = new Command(process.env.ARGUS_PROGRAM ?? 'demo')
    .description('audio from one VM to another through a real broker, while a rogue VM attacks')
    .option('--wav <file>', 'play this file (44.1 kHz, 16 bit, stereo) instead of the built-in recording')
    .option('--fast', 'as fast as possible instead of at real-time pace')
    .option('--json', 'print the summary as one JSON object on the last line')
    .option('--out <file>', 'write the sound that audio-vm heard to this WAV file')
    .option('--keep', 'keep the temporary directory: keys, policy, audit log')
    .option('--console', 'show the run in a browser on this machine, and keep it there until Ctrl-C')
    .addOption(new Option('--sound', 'play it on this machine too (PulseAudio or PipeWire)').conflicts('fast'))
    .addOption(
      new Option(
        '--carrier <kind>',
        '"nats": every VM reaches the broker through a nats-server, explained step by step',
      )
        .choices(['unix', 'nats'])
        .default('unix'),
    )
    .addOption(
      new Option(
        '--nats-server <file>',
        'the nats-server to run for --carrier nats, when it is not on the PATH',
      ).implies({
        carrier: 'nats',
      }),
    )
    .addOption(
      new Option('--vms [accelerator]', 'in real virtual machines (QEMU); "kvm" or "tcg", else kvm where it works')
        .choices(['kvm', 'tcg'])
        .conflicts(['wav', 'fast', 'out', 'sound', 'console', 'carrier', 'natsServer']),
    )
    .addHelpText(
      'after',
      '\nExample:\n  npm run demo -- --fast --wav recording.wav\n  npm run demo -- --console\n  npm run demo -- --carrier nats\n  npm run demo -- --vms',
    )
    .showHelpAfterError('(--help shows how to use it)')
    .exitOverride();
  try {
    await program.parseAsync();
    const options = program.opts<DemoOptions & VmDemoOptions>();
    const isGood = await (options.vms === undefined ? runDemo(options) : runVmDemo(options));
    process.exitCode = isGood ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      printDemoError(error);
      process.exitCode = 1;
    }
  }
}
