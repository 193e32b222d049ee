/** `argus policy log` and `show`: the policies that were in force, their authors, and the changes of each. */
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { INSPECTORS } from '../../../../../broker/index.ts';
import {
  type AccessChange,
  type ArchiveReader,
  type AuditChange,
  archivedFiles,
  archiveOf,
  compileFiles,
  diffAccess,
  diffAudit,
  type FoundPolicy,
  findArchived,
  finish,
  formatDiff,
  installPolicy,
  POLICY_FILE_NAMES,
  PolicyError,
  type PolicyRevision,
  type RevisionEntry,
  readArchive,
} from '../../../../../policy/index.ts';
import { PLAIN, printable, printJson } from '../../../output.ts';
import { controlOption } from '../../../sockets/control.ts';
import { type AuditFlags, auditDirectory, auditOption } from '../sources.ts';

const SHORT = 12;

export function logCommand(): Command {
  return new Command('log')
    .description('list the revisions that came into force, newest first, with who and why')
    .option('-n, --lines <number>', 'how many', readCount, 20)
    .option('--files', 'only revisions with other files than the one before, not grants')
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  argus policy log -n 5 --files')
    .action(log);
}

export function showCommand(): Command {
  return new Command('show')
    .description('show an archived revision: who wanted it, why, and what it changed')
    .argument('<revision>', 'its number, or the first digits of a policy hash')
    .option('--file <name>', 'print one of its six files instead')
    .option('--out <directory>', 'write its six files into a directory; a file that differs is replaced')
    .addOption(auditOption())
    .addOption(controlOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  argus policy show 12\n  argus policy show 12 --file policy.csv\n  argus policy show 12 --out ./draft',
    )
    .action(show);
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('a whole number, 1 or more');
}

interface LogOptions extends AuditFlags {
  readonly lines: number;
  readonly files?: true;
  readonly json?: true;
}

async function log(options: LogOptions): Promise<void> {
  const archive = readArchive(archiveOf(await auditDirectory(options)));
  const all = await archive.revisions();
  const wanted = options.files === true ? all.filter(({ policy, before }) => policy !== before) : all;
  const shown = wanted.slice(-options.lines).reverse();
  if (options.json === true) return printJson({ total: wanted.length, revisions: shown });
  if (shown.length === 0) {
    process.stdout.write('no revision in the archive\n');
    return;
  }
  const table = new Table({
    head: ['revision', 'time', 'policy', 'rows', 'grants', 'cause', 'by', 'why'],
    style: PLAIN,
  });
  for (const { revision, time, policy, rows, grants, cause, by, reason } of shown)
    table.push([revision, time, policy.slice(0, SHORT), rows, grants.length, cause, printable(by), printable(reason)]);
  const rest = wanted.length > shown.length ? `showing ${shown.length} of ${wanted.length}\n` : '';
  process.stdout.write(`${table.toString()}\n${rest}`);
}

interface ShowOptions extends AuditFlags {
  readonly file?: string;
  readonly out?: string;
  readonly json?: true;
}

async function show(name: string, options: ShowOptions): Promise<void> {
  const archive = readArchive(archiveOf(await auditDirectory(options)));
  const found = await findArchived(archive, name);
  if (options.file !== undefined) {
    process.stdout.write((await archivedFiles(archive, found.hash))[fileNamed(options.file)]);
    return;
  }
  if (options.out !== undefined) {
    const written = await installPolicy(options.out, await archivedFiles(archive, found.hash));
    const what = written.length === 0 ? 'nothing differs' : `wrote ${written.join(', ')}`;
    process.stdout.write(`${options.out}: ${what} (policy ${found.hash.slice(0, SHORT)})\n`);
    return;
  }
  const before = await beforeOf(archive, found);
  const changes = await changesOf(archive, before, found.hash);
  if (options.json === true)
    printJson({
      policy: found.hash,
      revision: found.entry,
      before,
      changes: changes?.access ?? null,
      audit: changes?.audit ?? null,
    });
  else process.stdout.write(`${[...headOf(found), '', describeChanges(before, changes)].join('\n')}\n`);
}

function fileNamed(name: string): (typeof POLICY_FILE_NAMES)[number] {
  const file = POLICY_FILE_NAMES.find((each) => each === name);
  if (file !== undefined) return file;
  throw new PolicyError(
    'ERR_POLICY_QUESTION',
    `a policy has no file "${name}"; it has: ${POLICY_FILE_NAMES.join(', ')}`,
  );
}

/** The policy to compare a staged policy with: the last one in force. */
async function beforeOf(archive: ArchiveReader, { entry }: FoundPolicy): Promise<string | null> {
  if (entry !== null) return entry.before;
  return (await archive.revisions()).at(-1)?.policy ?? null;
}

interface Changes {
  readonly access: readonly AccessChange[];
  readonly audit: readonly AuditChange[];
}

/** Null: there is nothing to compare with. */
async function changesOf(archive: ArchiveReader, before: string | null, after: string): Promise<Changes | null> {
  if (before === null) return null;
  const old = await archive.files(before);
  if (old === null) return null;
  const compile = (hash: string, files: typeof old): Promise<PolicyRevision> =>
    compileFiles(`policy ${hash.slice(0, SHORT)}`, files, { revision: 1, inspectors: INSPECTORS });
  const [from, to] = [await compile(before, old), await compile(after, await archivedFiles(archive, after))];
  return { access: finish(diffAccess(from, to)), audit: finish(diffAudit(from, to)) };
}

function headOf({ hash, entry }: FoundPolicy): string[] {
  if (entry === null) return [`policy    ${hash}`, 'staged    never in force'];
  return linesOf(entry);
}

function linesOf({ revision, time, policy, assertions, rows, grants, cause, by, reason }: RevisionEntry): string[] {
  return [
    `revision  ${revision}, ${time}`,
    `policy    ${policy}`,
    `by        ${printable(by)} (${cause})`,
    `why       ${printable(reason) || '-'}`,
    `rows      ${rows}, assertions.csv ${assertions.slice(0, SHORT)}`,
    `grants    ${grants.join(', ') || 'none'}`,
  ];
}

function describeChanges(before: string | null, changes: Changes | null): string {
  if (before === null) return 'the first policy of this archive';
  if (changes === null) return `compared with ${before.slice(0, SHORT)}: its files are no longer in the archive`;
  return `compared with ${before.slice(0, SHORT)}:\n${formatDiff(changes.access, { audit: changes.audit })}`;
}
