/**
 * `argus policy edit`: as visudo does it. The policy in force is copied, $EDITOR opens a file of the copy, and the copy
 * comes into force only after it was checked, tested, and its effect was looked at.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command, Option } from 'commander';
import { INSPECTORS } from '../../../../../broker/index.ts';
import {
  compileFiles,
  diffAccess,
  diffAudit,
  finish,
  formatDiff,
  formatReported,
  hashFiles,
  installPolicy,
  POLICY_FILE_NAMES,
  PolicyError,
  type PolicyFiles,
  type PolicyRevision,
  readPolicyFiles,
} from '../../../../../policy/index.ts';
import { controlOption } from '../../../sockets/control.ts';
import { print } from './apply.ts';
import { filesInForce, putInForce } from './in-force.ts';

interface EditOptions {
  readonly control?: string;
  readonly file: string;
  readonly reason: string;
  readonly yes?: true;
  readonly json?: true;
}

export function editCommand(): Command {
  return new Command('edit')
    .description('edit a copy of the policy in force; it comes into force after check, tests and a look at its effect')
    .addOption(new Option('--file <name>', 'which file').choices([...POLICY_FILE_NAMES]).default('policy.csv'))
    .option('--reason <text>', 'why, for the archive and the audit log', '')
    .option('--yes', 'put it in force without asking, if it has no error')
    .addOption(controlOption())
    .option('--json', 'print one JSON object at the end')
    .addHelpText(
      'after',
      '\nThe editor is $VISUAL or $EDITOR, otherwise vi. Every file of the copy can be changed, not only the one that opens.\n\nExample:\n  argus policy edit --reason "mail-vm stays silent"',
    )
    .action(edit);
}

async function edit(options: EditOptions): Promise<void> {
  const { hash, files } = await filesInForce(options.control);
  const copy = await mkdtemp(join(tmpdir(), 'argus-policy-'));
  let isKept = false;
  try {
    await installPolicy(copy, files);
    const edited = await untilGood(copy, files, options);
    if (edited === null) {
      process.stderr.write('nothing was changed\n');
      return;
    }
    try {
      const answer = await putInForce({ ...options, files: edited, token: hash, cause: 'apply' });
      print(answer, options);
    } catch (error) {
      // Another admin was faster: the work must not be lost.
      isKept = true;
      process.stderr.write(`your edit is kept in ${copy}\n`);
      throw error;
    }
  } finally {
    if (!isKept) await rm(copy, { recursive: true, force: true });
  }
}

/** Opens the editor until the copy is good and wanted; null = the admin gave up, or changed nothing. */
async function untilGood(copy: string, before: PolicyFiles, options: EditOptions): Promise<PolicyFiles | null> {
  const old = await compile(before);
  for (;;) {
    await openEditor(join(copy, options.file));
    const faults: string[] = [];
    const files = await readPolicyFiles(copy).catch((error: unknown) => void faults.push(...faultsOf(error)));
    const policy = files && (await compile(files).catch((error: unknown) => void faults.push(...faultsOf(error))));
    if (files && hashFiles(files) === hashFiles(before)) return null;
    if (files && policy) {
      const audit = finish(diffAudit(old, policy));
      process.stderr.write(`${formatDiff(finish(diffAccess(old, policy)), { audit })}\n`);
      if (options.yes === true) return files;
      const answer = await ask('put it in force? [y]es, [e]dit again, [n]o: ');
      if (answer === 'y') return files;
      if (answer !== 'e') return null;
      continue;
    }
    process.stderr.write(`${faults.join('\n')}\n`);
    if (options.yes === true) throw new PolicyError('ERR_POLICY_QUESTION', 'the edit has errors; nothing was changed');
    if ((await ask('[e]dit again, or [n]o: ')) !== 'e') return null;
  }
}

function compile(files: PolicyFiles): Promise<PolicyRevision> {
  return compileFiles('the edit', files, { revision: 1, inspectors: INSPECTORS });
}

function faultsOf(error: unknown): string[] {
  if (!(error instanceof PolicyError)) throw error;
  return error.findings.length === 0 ? [error.message] : error.findings.map(formatReported);
}

/** As git and visudo do it: the editor may be a command with arguments, so a shell splits it. */
function openEditor(path: string): Promise<void> {
  const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'argus-edit', path], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new PolicyError('ERR_POLICY_QUESTION', `the editor "${editor}" ended with ${code}; nothing was changed`),
        );
    });
  });
}

/** The first letter of the answer; the end of the input means no. */
async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await Promise.race([
      terminal.question(question),
      new Promise<string>((resolve) => terminal.once('close', () => resolve('n'))),
    ]);
    return answer.trim().toLowerCase().slice(0, 1);
  } finally {
    terminal.close();
  }
}
