/** `argus audit checkpoint|key|prove|verify-proof`: evidence that an auditor keeps and gives to others. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import {
  AuditError,
  escapeUnsafe,
  latestCheckpoint,
  type ProofFault,
  proveRecord,
  readVerifierKey,
  readWitnessKey,
  type VerifierKey,
  verifyProof,
} from '../../../../../broker/audit/index.ts';
import { printJson } from '../../../output.ts';
import { announce } from '../announce.ts';
import { parseKey, parseSeq } from '../arguments.ts';

export function checkpointCommand(): Command {
  return new Command('checkpoint')
    .description('print the newest signed checkpoint, to be kept where this host cannot reach it')
    .argument('<dir>', 'the audit directory')
    .addHelpText('after', '\nExample:\n  argus audit checkpoint /var/log/argus > /media/usb/argus.checkpoint')
    .action(async (directory: string) => {
      const note = await latestCheckpoint(directory);
      if (note === null) throw new AuditError('ERR_AUDIT_UNPROVEN', `"${directory}" has no signed checkpoint`);
      process.stdout.write(note);
    });
}

export function keyCommand(): Command {
  return new Command('key')
    .description("print the verifier key of the log's checkpoints")
    .argument('<dir>', 'the audit directory')
    .option('--witness', 'print the key with which this broker cosigns the logs of others')
    .addHelpText(
      'after',
      '\nExample:\n  argus audit key /var/log/argus > broker.vkey\n\nRun it once on the broker host, when the broker is new, and keep the file where this host cannot reach it.',
    )
    .action(async (directory: string, { witness }: { readonly witness?: true }) => {
      const key = witness ? await readWitnessKey(directory) : await readVerifierKey(directory);
      if (key === null && witness)
        throw new AuditError('ERR_AUDIT_UNPROVEN', `the broker of "${directory}" cosigns no log: it is in no cluster`);
      if (key === null) throw new AuditError('ERR_AUDIT_UNPROVEN', `"${directory}" names no key: it was never signed`);
      process.stdout.write(`${key}\n`);
    });
}

export function proveCommand(): Command {
  return new Command('prove')
    .description('print a proof that one record is in the log, for a person without the log')
    .argument('<dir>', 'the audit directory')
    .argument('<seq>', 'the number of the record', parseSeq)
    .addHelpText('after', '\nExample:\n  argus audit prove /var/log/argus 4711 > 4711.tlog-proof')
    .action(async (directory: string, seq: number) => {
      await announce(directory, { what: 'proof', question: `seq=${seq}`, records: 1 });
      process.stdout.write(await proveRecord(directory, seq));
    });
}

const FAULTS: Readonly<Record<ProofFault, string>> = {
  MALFORMED: 'the file is not a proof',
  WRONG_KEY: 'its checkpoint is not signed by this key',
  BAD_SIGNATURE: 'its checkpoint has a false signature',
  FOREIGN_ORIGIN: 'its checkpoint is one of a log that this key does not speak for',
  NOT_INCLUDED: 'the record is not in the log that was signed',
};

export function verifyProofCommand(): Command {
  return new Command('verify-proof')
    .description('check a proof, without the log')
    .argument('<file>', 'what "argus audit prove" printed')
    .requiredOption('--key <vkey>', 'the key that must have signed it, or a file with the key', parseKey)
    .option('--json', 'print the verdict as JSON')
    .addHelpText('after', '\nExample:\n  argus audit verify-proof 4711.tlog-proof --key broker.vkey')
    .action(async (file: string, flags: { readonly key: VerifierKey; readonly json?: true }) => {
      const verdict = verifyProof(await readFile(file, 'utf8'), flags.key);
      if (!verdict.ok) process.exitCode = 1;
      if (verdict.ok) {
        const line = Buffer.from(verdict.line).toString();
        const { origin, size } = verdict.checkpoint;
        if (flags.json) printJson({ ok: true, origin, size, record: JSON.parse(line) });
        else process.stdout.write(`PASS record of ${origin}, one of ${size} that were signed\n${escapeUnsafe(line)}\n`);
      } else if (flags.json) printJson(verdict);
      else process.stdout.write(`FAIL ${verdict.reason} ${FAULTS[verdict.reason]}\n`);
    });
}
