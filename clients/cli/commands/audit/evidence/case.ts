/** `argus audit case|verify-case`: a named selection with proofs, signed by an auditor, and its check. */
import { readFileSync, statSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { escapeUnsafe, type ParsedLine, type VerifierKey } from '../../../../../broker/audit/index.ts';
import { loadIdentity, readTrustAnchor } from '../../../../../keys/index.ts';
import {
  AuditQuestionError,
  CASE_FAULTS,
  type CaseVerdict,
  checkCase,
  MAX_CASE_BYTES,
  makeCase,
  parseQuestion,
  predicateOf,
  selectRecords,
  verifyCase,
} from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { type ControlFlags, controlOption } from '../../../sockets/control.ts';
import { announce } from '../announce.ts';
import { parseKey } from '../arguments.ts';
import { recordText } from '../records/lines.ts';
import { QUESTION_HELP } from '../records/list.ts';

interface Remark {
  readonly seq: number;
  readonly text: string;
}

interface CaseFlags extends Pick<ControlFlags, 'control'> {
  readonly name: string;
  readonly note: string;
  readonly remark: readonly Remark[];
  readonly identity: string;
}

export function caseCommand(): Command {
  return new Command('case')
    .description('print records with their proofs and your remarks as one signed file, for a third party')
    .argument('<dir>', 'the audit directory')
    .argument('[question...]', 'the records of the case')
    .requiredOption('--name <name>', 'what the case is called')
    .requiredOption('--identity <directory>', 'your key and credential, with the role auditor')
    .option('--note <text>', 'what you say about the whole', '')
    .option('--remark <seq:text>', 'what you say about one record; may be given several times', parseRemark, [])
    .addOption(controlOption())
    .addHelpText(
      'after',
      `${QUESTION_HELP}\n\nExample:\n  argus audit case /var/log/argus src=mail-vm decision=deny since=today --name "incident 17" --remark "4711: the first attempt" --identity ~/.argus > incident-17.case\n\nThe third party checks it with "argus audit verify-case". While a broker writes the log, the export is recorded in it.`,
    )
    .action(async (directory: string, words: readonly string[], flags: CaseFlags) => {
      const { name, note, remark: remarks, control } = flags;
      const identity = await loadIdentity(flags.identity);
      const question = words.join(' ');
      const seqs = await selectRecords(directory, predicateOf(parseQuestion(question, Date.now())));
      const request = { name, note, question, remarks, seqs };
      checkCase(request, identity);
      // Before the file exists: an export without a record of it is the worse mistake.
      const access = { what: `case ${name}`, question, records: seqs.length };
      const isRecorded = await announce(directory, access, control === undefined ? {} : { control });
      process.stdout.write(await makeCase(directory, { ...request, isRecorded }, identity, Date.now()));
      if (!isRecorded) process.stderr.write('the log has no record of this export: no broker that writes it answers\n');
    });
}

interface VerifyFlags {
  readonly key: VerifierKey;
  readonly authority: string;
  readonly json?: true;
}

export function verifyCaseCommand(): Command {
  return new Command('verify-case')
    .description('check a case, without the log: author, records, remarks')
    .argument('<file>', 'what "argus audit case" printed')
    .requiredOption('--key <vkey>', 'the key of the broker, or a file with the key', parseKey)
    .requiredOption('--authority <file>', 'the public key of the authority that names auditors')
    .option('--json', 'print the verdict as JSON, with the records')
    .addHelpText(
      'after',
      '\nExample:\n  argus audit verify-case incident-17.case --key broker.vkey --authority authority.pub.jwk',
    )
    .action(async (file: string, { key, authority, json }: VerifyFlags) => {
      const anchor = await readTrustAnchor(authority, 'public', 'get the public key of the authority');
      if (statSync(file).size > MAX_CASE_BYTES)
        throw new AuditQuestionError('ERR_AUDIT_CASE', `"${file}" is larger than ${MAX_CASE_BYTES} bytes`);
      const verdict = await verifyCase(readFileSync(file, 'utf8'), key, anchor);
      if (!verdict.ok) process.exitCode = 1;
      if (json) printJson(verdict);
      else process.stdout.write(`${verdictLines(verdict).map(escapeUnsafe).join('\n')}\n`);
    });
}

function verdictLines(verdict: CaseVerdict): readonly string[] {
  if (!verdict.ok) {
    const { reason, record, why } = verdict;
    const where = record === undefined ? '' : ` (record ${record})`;
    return [`FAIL ${reason} ${CASE_FAULTS[reason]}${where}${why === undefined ? '' : `: ${why}`}`];
  }
  const { name, by, made, note, question, lines, remarks, origin, size } = verdict;
  return [
    `PASS case "${name}" by ${by}, ${made}: ${lines.length} of the ${size} signed records of ${origin}`,
    ...(question === '' ? [] : [`  question: ${question}`]),
    ...(note === '' ? [] : [`  note: ${note}`]),
    ...lines.flatMap(({ seq, fields }) => [
      recordText({ seq, prev: '', event: String(fields.event), fields } satisfies ParsedLine),
      ...remarks.filter((remark) => remark.seq === seq).map(({ text }) => `  remark: ${text}`),
    ]),
  ];
}

function parseRemark(text: string, before: readonly Remark[]): readonly Remark[] {
  const [, seq, said] = /^([1-9]\d{0,15}):\s*(\S[\s\S]*)$/.exec(text) ?? [];
  if (seq === undefined || said === undefined) throw new InvalidArgumentError('expected "SEQ: TEXT".');
  return [...before, { seq: Number(seq), text: said }];
}
