/** `argus console`: the audit log in a browser. */
import { mkdir } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { VerifierKey } from '../../../broker/audit/index.ts';
import { INSPECTORS } from '../../../broker/index.ts';
import { loadIdentity } from '../../../keys/index.ts';
import { AuditQuestionError, type CaseDesk, openConsole } from '../../audit/index.ts';
import { untilInterrupted, whenInterrupted } from '../interrupt.ts';
import { announce } from './audit/announce.ts';
import { parseKeys } from './audit/arguments.ts';
import { namedWitnesses } from './audit/evidence/named-witnesses.ts';
import { type WitnessFlags, withWitnessOptions } from './audit/evidence/witness-keys.ts';
import { load } from './policy/directory.ts';

interface ConsoleFlags extends WitnessFlags {
  readonly port: number;
  readonly key?: readonly VerifierKey[];
  readonly candidate?: string;
  readonly identity?: string;
  readonly cases?: string;
}

const MAX_TCP_PORT = 65_535;

export function consoleCommand(): Command {
  return withWitnessOptions(
    new Command('console')
      .description('show the audit log in a browser on this machine')
      .argument('<dir>', 'the audit directory')
      .option('--port <port>', 'TCP port on 127.0.0.1; 0 takes a free one', parsePort, 0)
      .option('--key <vkey>', 'the key that must have signed the log, or a file with it', parseKeys)
      .option('--candidate <directory>', 'a policy directory that is not in force: show what it would change')
      .option('--identity <directory>', 'your key and credential, with the role auditor: you can make cases')
      .option('--cases <directory>', 'with --identity: the folder of your cases'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  argus console /var/log/argus --key broker.vkey\n  argus console /var/log/argus --key broker.vkey --witness http://10.0.0.9:7420 --witness-key witness.vkey\n  argus console /var/log/argus --key broker.vkey --identity ~/.argus --cases ~/cases\n\nThe printed address holds a token that serves once, for one browser.',
    )
    .action((directory: string, flags: ConsoleFlags) => untilInterrupted((signal) => show(directory, flags, signal)));
}

async function show(directory: string, flags: ConsoleFlags, signal: AbortSignal): Promise<void> {
  const desk = await deskOf(directory, flags);
  const witnesses = namedWitnesses(directory, flags);
  await announce(directory, { what: 'console', question: '' });
  const opened = await openConsole({
    directory,
    port: flags.port,
    keys: flags.key ?? [],
    inspectors: INSPECTORS,
    ...(flags.candidate === undefined ? {} : { candidate: await load(flags.candidate) }),
    ...(witnesses === null ? {} : { witnesses }),
    ...(desk === null ? {} : { desk }),
  });
  process.stdout.write(`${opened.url}\n`);
  await whenInterrupted(signal);
  await opened.close();
}

/** Null: this console makes no cases. */
async function deskOf(directory: string, { identity, cases }: ConsoleFlags): Promise<CaseDesk | null> {
  if (identity === undefined && cases === undefined) return null;
  if (identity === undefined || cases === undefined)
    throw new AuditQuestionError('ERR_AUDIT_CASE', '--identity and --cases go together');
  const author = await loadIdentity(identity);
  await mkdir(cases, { recursive: true, mode: 0o700 });
  return { author, folder: cases, announce: (access) => announce(directory, access) };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > MAX_TCP_PORT) throw new InvalidArgumentError('expected 0 to 65535.');
  return port;
}
