/** `argus audit verify`: the first command that an auditor runs. */
import { Command, InvalidArgumentError } from 'commander';
import {
  AuditError,
  escapeUnsafe,
  type ParsedLine,
  parseCheckpoint,
  type VerifierKey,
  type VerifyResult,
  verifyAudit,
  witnessesOf,
} from '../../../../../broker/audit/index.ts';
import { recordFault } from '../../../../../broker/record/index.ts';
import { askWitnesses, type WitnessAnswers, type Witnesses } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { reportProgress } from '../../../progress/index.ts';
import { parseKeys, readSmallFile } from '../arguments.ts';
import { namedWitnesses } from './named-witnesses.ts';
import { type WitnessFlags, withWitnessOptions } from './witness-keys.ts';

/** Problems shown to a human; --json has more. */
const SHOWN_PROBLEMS = 20;

interface VerifyFlags extends WitnessFlags {
  readonly json?: true;
  readonly since?: { readonly seq: number; readonly hash: string } | string;
  readonly key?: readonly VerifierKey[];
  readonly expectHead?: string;
  readonly schema?: true;
}

export function verifyCommand(): Command {
  return withWitnessOptions(
    new Command('verify')
      .description('check that no record was edited, inserted, deleted or reordered')
      .argument('<dir>', 'the audit directory')
      .option('--key <vkey>', 'the key that must have signed the checkpoints; may be given several times', parseKeys)
      .option('--since <checkpoint>', 'a checkpoint file, or SEQ:HASH, remembered from an earlier visit', parseSince)
      .option('--expect-head <hash>', 'the hash that the last record must have', parseHash),
  )
    .option('--schema', 'also check each record against the schema; several times slower')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  argus audit verify /var/log/argus\n  argus audit verify /var/log/argus --key broker.vkey --since last.checkpoint\n  argus audit verify /var/log/argus --key broker.vkey --witness http://10.0.0.9:7420 --witness-key witness.vkey\n  argus audit verify /var/log/argus --key broker.vkey --witness http://10.0.0.9:7420 --witness-authority authority.pub.jwk\n\nWithout --witness, the witnesses and their keys are those in the argus.yaml of the broker that writes this log.',
    )
    .action(async (directory: string, flags: VerifyFlags) => {
      const witnesses = namedWitnesses(directory, flags);
      const { silent, ...witnessed } = await answersOf(witnesses);
      const result = await verifyAudit(directory, {
        ...(flags.since === undefined ? {} : { since: flags.since }),
        ...(flags.key === undefined ? {} : { keys: flags.key }),
        ...(flags.expectHead === undefined ? {} : { expectHead: flags.expectHead }),
        ...witnessed,
        ...(flags.schema ? { judge: (record: ParsedLine) => recordFault(record.fields) } : {}),
        onProgress: (done, total) => reportProgress({ done, total, unit: 'bytes' }),
      });
      if (flags.json) printJson({ ...result, silentWitnesses: silent });
      else process.stdout.write(`${verifyText(result, flags, witnesses, silent)}\n`);
      if (!result.ok) process.exitCode = 1;
    });
}

/** A witness of the command line has to answer. Without one of the configuration the log is verified all the same. */
async function answersOf(witnesses: Witnesses | null): Promise<WitnessAnswers> {
  const answers = await askWitnesses(witnesses);
  const [first] = answers.silent;
  if (first === undefined || witnesses?.isConfigured) return answers;
  throw new AuditError('ERR_AUDIT_WITNESS', first.reason);
}

function verifyText(
  result: VerifyResult,
  flags: VerifyFlags,
  witnesses: Witnesses | null,
  silent: WitnessAnswers['silent'],
): string {
  const { ok, records, segments, head, lastSeq, prunedRecords } = result;
  const lines = [`${ok ? 'PASS' : 'FAIL'} ${records} records in ${segments} segments`];
  if (prunedRecords > 0)
    lines.push(`  records 1 to ${prunedRecords} were removed by retention${ok ? '; a signed record states it' : ''}`);
  for (const { segment, line, code, finding, message } of result.problems.slice(0, SHOWN_PROBLEMS)) {
    const where = segment === 0 ? 'log' : `segment ${segment} line ${line}`;
    lines.push(`  ${finding}: ${where}: ${code} ${message}`);
  }
  if (result.problemCount > SHOWN_PROBLEMS)
    lines.push(`  showing ${SHOWN_PROBLEMS} of ${result.problemCount} problems`);
  if (result.uncleanShutdowns > 0) lines.push(`  ${result.uncleanShutdowns} unclean shutdowns`);
  if (result.tornAccounted > 0) lines.push(`  ${result.tornAccounted} cut-off writes, each accounted for`);
  if (result.gaps > 0) lines.push(`  ${result.gaps} times not writable, ${result.lost} events lost in them`);
  if (result.live)
    lines.push(`  a broker is writing; ${result.unfinishedBytes} bytes of an unfinished record left out`);
  lines.push(...checkpointLines(result), `  head ${lastSeq ?? 0}:${head}`);
  for (const { from, name, size, cosignedAt } of result.witnesses) {
    const when = cosignedAt === null ? '' : ` at ${new Date(cosignedAt * 1_000).toISOString()}`;
    lines.push(`  witness ${name ?? from} has seen ${size} records${when}; all are still there, unaltered`);
  }
  const quorum = witnesses?.quorum ?? 0;
  if (quorum > 0) {
    const seen = witnessesOf(result.witnesses).length;
    lines.push(`  quorum ${seen < quorum ? 'missed' : 'reached'}: ${quorum} must have seen this log; seen by ${seen}`);
  }
  for (const { place, reason } of silent) lines.push(`  not compared with ${place}: ${reason}`);
  if (witnesses?.isConfigured && result.witnesses.length > 0)
    lines.push(
      '  The witnesses are those of argus.yaml, which lies on this host: name them with --witness to trust it less.',
    );
  if (ok && flags.since === undefined && flags.expectHead === undefined && result.witnesses.length === 0) {
    lines.push(
      '  A cut-off end or a log rewritten does not show: keep a checkpoint ("argus audit checkpoint DIR") elsewhere,',
      '  and pass it with --since next time, or name a witness with --witness.',
    );
  }
  return lines.map(escapeUnsafe).join('\n');
}

function checkpointLines({ checkpoints }: VerifyResult): readonly string[] {
  const { count, covered, uncovered, key, keyName, since } = checkpoints;
  const lines: string[] = [];
  if (since !== null) lines.push(`  all ${since} records of the remembered checkpoint are still there, unaltered`);
  if (count === 0) return [...lines, '  no checkpoints: nothing but the chain vouches for these records'];
  const by = keyName === null ? 'an unknown key' : keyName;
  lines.push(`  ${count} checkpoints by ${by}; ${covered} records covered, ${uncovered} not yet covered`);
  if (key === 'beside the log')
    lines.push(
      '  The key lies beside the log, where a forger could have put it: get it from the broker and pass --key.',
    );
  return lines;
}

function parseHash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('expected 64 hexadecimal digits.');
  return text;
}

function parseSince(text: string): { seq: number; hash: string } | string {
  const [, seq, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  const note = readSmallFile(text);
  if (note !== null && parseCheckpoint(note) !== null) return note;
  throw new InvalidArgumentError('expected a file with a checkpoint, or SEQ:HASH as verify prints it.');
}
