/** `argus audit witness`: a witness on a machine of the auditor's own. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type OwnKey, openWitness, type VerifierKey } from '../../../../../broker/audit/index.ts';
import { openedSecret, type Sealing, storedForm } from '../../../../../keys/index.ts';
import { IdentityOfWitness, serveWitness } from '../../../../audit/index.ts';
import { untilInterrupted, whenInterrupted } from '../../../interrupt.ts';
import { printJson } from '../../../output.ts';
import { sealingFrom, type UnsealedOption, unsealedOption } from '../../../unsealed.ts';
import { parseKeys } from '../arguments.ts';

interface WitnessFlags extends UnsealedOption {
  readonly log: readonly VerifierKey[];
  readonly name: string;
  readonly identity?: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly json?: true;
}

export function witnessCommand(): Command {
  return new Command('witness')
    .description('cosign the checkpoints of brokers, so that a log that is rolled back or forked is found')
    .argument(
      '<dir>',
      "the witness's own directory: what it has cosigned, and a key unless --identity; made if missing",
    )
    .requiredOption('--log <vkey>', 'the key of a log that it cosigns; may be given several times', parseKeys)
    .option('--identity <directory>', 'its key and credential, with the role witness')
    .addOption(
      new Option('--name <name>', 'without --identity: the name of its key')
        .argParser(parseName)
        .default('argus-witness')
        .conflicts('identity'),
    )
    .addOption(unsealedOption('the key').conflicts('identity'))
    .option('--listen <address>', 'host:port; port 0 takes a free one', parseListen, {
      host: '127.0.0.1',
      port: 7420,
    })
    .option('--json', 'print address and key as one line of JSON')
    .addHelpText(
      'after',
      '\nExample:\n  argus audit witness /var/lib/argus-witness --log host-1.vkey --log host-2.vkey --identity /etc/argus/witness --listen 10.0.0.9:7420\n\nBrokers name it in argus.yaml: audit: {directory: …, witnesses: [{url: "http://10.0.0.9:7420", name: "…"}]}, or with key: "…" where it has no --identity.\nAuditors compare with it: argus audit verify DIR --key host-1.vkey --witness http://10.0.0.9:7420',
    )
    .action((directory: string, options: WitnessFlags) =>
      untilInterrupted((signal) => witness(directory, options, signal)),
    );
}

async function witness(directory: string, options: WitnessFlags, signal: AbortSignal): Promise<void> {
  const { log: logs, name, identity, listen, json } = options;
  const holder = identity === undefined ? null : await IdentityOfWitness.load(identity, complain);
  const open = await openWitness(directory, {
    signer: holder?.signer ?? ownKey(directory, name, sealingFrom(options)),
    logs,
    now: Date.now,
  });
  holder?.onReplaced(open.takeOver);
  try {
    const server = await serveWitness(open.witness, listen, complain, holder);
    if (json) printJson({ url: server.url, key: open.vkey });
    else process.stdout.write(`witness ${open.vkey}\nlistens at ${server.url}\n`);
    await whenInterrupted(signal);
    await server.close();
  } finally {
    await open.close();
  }
}

function ownKey(directory: string, name: string, sealing: Sealing): OwnKey {
  return {
    name,
    seal: (text) => storedForm(text, sealing),
    open: (text) => openedSecret(`the key in ${directory}`, text),
  };
}

function complain(error: unknown): void {
  process.stderr.write(`argus: ${error instanceof Error ? error.message : String(error)}\n`);
}

function parseName(text: string): string {
  if (/^[^\s+]{1,64}$/u.test(text)) return text;
  throw new InvalidArgumentError('expected a name of at most 64 characters without spaces and "+".');
}

function parseListen(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)?.filter((part) => part !== undefined) ?? [];
  if (host === undefined || Number(port) > 65_535) throw new InvalidArgumentError('expected host:port.');
  return { host, port: Number(port) };
}
