/** `argus policy import`: rows from a policy of another system, and what has no equivalent. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import {
  type Imported,
  importCasbin,
  importQrexec,
  type Mapping,
  NO_MAPPING,
  PolicyError,
  readMapping,
} from '../../../../policy/index.ts';
import { printJson } from '../../output.ts';

interface ImportOptions {
  readonly map?: string;
  readonly json?: true;
}

export function importCommand(): Command {
  return new Command('import')
    .description('translate a policy of another system into rows; writes them to standard output and changes nothing')
    .addCommand(qrexecCommand())
    .addCommand(casbinCommand());
}

function withOptions(command: Command): Command {
  return command
    .option('--map <file>', 'YAML: which class and permission each service is, and which names differ')
    .option('--json', 'print one JSON object');
}

function qrexecCommand(): Command {
  return withOptions(new Command('qrexec'))
    .description('translate the policy files of Qubes; exit code 1 when a line has no equivalent')
    .argument('<directory>', "Qubes' policy.d")
    .addHelpText(
      'after',
      '\nExample:\n  argus policy import qrexec /etc/qubes/policy.d --map services.map.yaml > policy.csv',
    )
    .action(async (directory: string, options: ImportOptions) => {
      const names = (await readable(directory, () => readdir(directory)))
        .filter((name) => name.endsWith('.policy'))
        .sort();
      if (names.length === 0) throw new PolicyError('ERR_POLICY_QUESTION', `"${directory}" holds no file *.policy`);
      const files = await Promise.all(
        names.map(async (name) => ({
          name,
          text: await readable(name, () => readFile(join(directory, name), 'utf8')),
        })),
      );
      print(importQrexec(files, await mappingOf(options)), options);
    });
}

function casbinCommand(): Command {
  return withOptions(new Command('casbin'))
    .description('translate a policy.csv of Casbin; exit code 1 when a row has no equivalent')
    .argument('<file>', "Casbin's policy.csv")
    .addHelpText(
      'after',
      '\nExample:\n  argus policy import casbin rbac_policy.csv --map actions.map.yaml > policy.csv',
    )
    .action(async (file: string, options: ImportOptions) => {
      const text = await readable(file, () => readFile(file, 'utf8'));
      print(importCasbin(basename(file), text, await mappingOf(options)), options);
    });
}

async function mappingOf({ map }: ImportOptions): Promise<Mapping> {
  if (map === undefined) return NO_MAPPING;
  return readMapping(basename(map), await readable(map, () => readFile(map)));
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new PolicyError('ERR_POLICY_QUESTION', `"${path}" cannot be read: ${reason}`, [], cause);
  }
}

function print({ csv, rows, untranslated }: Imported, { json }: ImportOptions): void {
  if (untranslated.length > 0) process.exitCode = 1;
  if (json === true) {
    printJson({ rows, csv, untranslated });
    return;
  }
  process.stdout.write(csv);
  for (const { file, line, why } of untranslated) process.stderr.write(`${file}:${line}: ${why}\n`);
  process.stderr.write(`${rows} rows, ${untranslated.length} lines without an equivalent\n`);
}
