/** `argus policy apply`, `stage` and `rollback`: a policy comes into force as a whole, or not at all. */
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import {
  archivedFiles,
  archiveOf,
  findArchived,
  type PolicyFiles,
  readArchive,
  readPolicyFiles,
} from '../../../../../policy/index.ts';
import { printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { who } from '../../../who.ts';
import { base64, call, type PutAnswer, putInForce, statusOf } from './in-force.ts';

const MIN_TOKEN_DIGITS = 12;

interface ApplyOptions {
  readonly control?: string;
  readonly token: string;
  readonly reason: string;
  readonly json?: true;
}

export function applyCommand(): Command {
  return new Command('apply')
    .description('put a policy in force at a running broker, if the policy that you have looked at still is')
    .argument('<policy>', 'a policy directory, or the hash of a policy that was staged')
    .requiredOption('--token <hash>', 'hash of the policy in force, as "argus policy log" shows it', readToken)
    .option('--reason <text>', 'why, for the archive and the audit log', '')
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nIf another admin has changed the policy meanwhile, nothing is changed and the command fails (ERR_BROKER_TOKEN).\n\nExample:\n  argus policy apply ./draft --token 3fa9c1d20b77 --reason "mail-vm stays silent"',
    )
    .action(async (what: string, options: ApplyOptions) => {
      const files = existsSync(what) ? await readPolicyFiles(what) : await stagedFiles(options.control, what);
      print(await putInForce({ ...options, files, cause: 'apply' }), options);
    });
}

export function candidateCommand(): Command {
  return new Command('stage')
    .description('let a running broker check a policy and keep it, without putting it in force')
    .argument('<directory>', 'the policy directory')
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nAnother admin can look at it (argus policy show HASH) and apply it by its hash.\n\nExample:\n  argus policy stage ./draft',
    )
    .action(async (directory: string, { control, json }: { readonly control?: string; readonly json?: true }) => {
      const files = await readPolicyFiles(directory);
      const answer = await call(control, '/v1/policy/stage', { by: who(), files: base64(files) });
      if (json === true) return printJson({ ok: true, policy: answer.policy });
      const { policy } = await statusOf(control);
      process.stdout.write(
        `staged ${answer.policy}\n  look:  argus policy show ${answer.policy.slice(0, 12)}\n  apply: argus policy apply ${answer.policy.slice(0, 12)} --token ${policy.hash.slice(0, 12)}\n`,
      );
    });
}

export function rollbackCommand(): Command {
  return new Command('rollback')
    .description('put an archived policy in force again')
    .argument('<revision>', 'its number, or the first digits of its hash')
    .option('--token <hash>', 'hash of the policy in force (default: whichever is in force now)', readToken)
    .requiredOption('--reason <text>', 'why, for the archive and the audit log')
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy rollback 12 --reason "revision 13 let mail-vm play"')
    .action(async (name: string, options: Omit<ApplyOptions, 'token'> & { readonly token?: string }) => {
      const token = options.token ?? (await statusOf(options.control)).policy.hash;
      const files = await stagedFiles(options.control, name);
      print(await putInForce({ ...options, files, token, cause: 'rollback' }), options);
    });
}

/** Files of the broker's archive. */
async function stagedFiles(control: string | undefined, name: string): Promise<PolicyFiles> {
  const archive = readArchive(archiveOf((await statusOf(control)).audit.directory));
  return archivedFiles(archive, (await findArchived(archive, name)).hash);
}

function readToken(text: string): string {
  if (/^[0-9a-f]+$/.test(text) && text.length >= MIN_TOKEN_DIGITS && text.length <= 64) return text;
  throw new InvalidArgumentError(`at least ${MIN_TOKEN_DIGITS} hexadecimal digits of the hash of the policy in force`);
}

export function print(answer: PutAnswer, { json }: { readonly json?: true }): void {
  if (json === true) {
    printJson(answer);
    return;
  }
  const { revision, changed, policy, recorded, archived } = answer;
  const lines = [
    changed
      ? `revision ${revision} in force, policy ${policy.slice(0, 12)}`
      : `nothing had changed: revision ${revision}, policy ${policy.slice(0, 12)}`,
    ...(recorded === false ? ['the audit log cannot be written now; the record follows'] : []),
    ...(archived === false ? ['the archive cannot be written: a restart would go back to the policy before'] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
