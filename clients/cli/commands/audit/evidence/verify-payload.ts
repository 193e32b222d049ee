/** `argus audit verify-payload`: is this the message that a record with a digest is about? */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { isPayloadOf, readRecord } from '../../../../../broker/audit/index.ts';
import { AuditQuestionError } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { announce } from '../announce.ts';
import { parseSeq } from '../arguments.ts';

export function verifyPayloadCommand(): Command {
  return new Command('verify-payload')
    .description('check that a file is the message of a record with a digest; needs the key of the digests')
    .argument('<dir>', 'the audit directory, with its digest.key')
    .argument('<seq>', 'the number of the record', parseSeq)
    .argument('<file>', 'the payload')
    .option('--json', 'print the verdict as JSON')
    .addHelpText('after', '\nExample:\n  argus audit verify-payload /var/log/argus 4711 contract.pdf')
    .action(async (directory: string, seq: number, file: string, flags: { readonly json?: true }) => {
      const payload = await readFile(file);
      await announce(directory, { what: 'payload', question: `seq=${seq}` });
      const record = await readRecord(directory, seq);
      if (record === null) throw new AuditQuestionError('ERR_AUDIT_NO_RECORD', `there is no record ${seq}`);
      const ok = await isPayloadOf(directory, record.parsed, payload);
      if (!ok) process.exitCode = 1;
      if (flags.json) printJson({ ok, seq });
      else if (ok) process.stdout.write(`PASS the file is the payload of record ${seq}\n`);
      else process.stdout.write(`FAIL the file is not the payload of record ${seq}\n`);
    });
}
