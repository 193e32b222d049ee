/** `argus audit review|reviews`: an auditor has looked at the log up to a record, and who did what with the log. */
import { Command } from 'commander';
import { hashOfRecord, readAudit } from '../../../../../broker/audit/index.ts';
import { BrokerError, callControl, REVIEW_TYP } from '../../../../../broker/index.ts';
import { loadIdentity } from '../../../../../keys/index.ts';
import { AuditQuestionError, LogUses, RecordRow, type Table } from '../../../../audit/index.ts';
import { printJson } from '../../../output.ts';
import { counted } from '../../../progress/index.ts';
import { type ControlFlags, controlSocket, withControl } from '../../../sockets/control.ts';
import { announce } from '../announce.ts';
import { parseSeq } from '../arguments.ts';
import { print, type TableFlags } from './run-report.ts';

interface ReviewFlags extends ControlFlags {
  readonly through: number;
  readonly note: string;
  readonly identity?: string;
  readonly json?: true;
}

export function reviewCommand(): Command {
  return withControl(new Command('review'))
    .description('record that you, an auditor, have reviewed the log up to a record')
    .argument('<dir>', 'the audit directory')
    .requiredOption('--through <seq>', 'the last record that you have reviewed', parseSeq)
    .requiredOption('--note <text>', 'what you found, for the audit log')
    .option('--identity <directory>', 'your key and credential, with the role auditor (default: --as or ARGUS_AS)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus audit review /var/log/argus --through 4711 --note "nothing to report" --as ~/.argus\n\nThe review is signed with your key: a broker takes it from nobody but an auditor. Verify the log first.',
    )
    .action(async (directory: string, { through, note, identity: keys, control, timeout, json }: ReviewFlags) => {
      const identity = await loadIdentity(directoryOf(keys));
      const hash = await hashOfRecord(directory, through);
      if (hash === null) throw new AuditQuestionError('ERR_AUDIT_NO_RECORD', `there is no record ${through}`);
      const statement = await identity.signStatement(REVIEW_TYP, { through, hash, note });
      const body = { credential: identity.credentialJwt, statement };
      const { ok, body: answered } = await callControl(
        controlSocket(control),
        'POST',
        '/v1/audit/review',
        body,
        timeout,
      );
      const answer = answered as { readonly message?: string };
      if (!ok) throw new BrokerError('ERR_BROKER_REVIEW', `not recorded: ${answer.message}`);
      if (json) printJson(answer);
      else process.stdout.write(`${identity.name} has reviewed the log up to record ${through}\n`);
    });
}

/** `argus --as DIR` sets the variable: the same key signs the request to the broker. */
function directoryOf(given: string | undefined): string {
  const directory = given ?? process.env.ARGUS_AS ?? '';
  if (directory !== '') return directory;
  throw new BrokerError(
    'ERR_BROKER_REVIEW',
    'an auditor signs the review: name the directory of your key with --as DIR',
  );
}

export function reviewsCommand(): Command {
  return new Command('reviews')
    .description('who reviewed, read or exported the log')
    .argument('<dir>', 'the audit directory')
    .option('--json', 'one JSON array')
    .option('--csv', 'as CSV')
    .addHelpText('after', '\nExample:\n  argus audit reviews /var/log/argus')
    .action(async (directory: string, flags: TableFlags) => {
      await announce(directory, { what: 'reviews', question: '' });
      const uses = await usesOf(directory);
      print(tableOf(uses), flags);
      if (flags.json || flags.csv) return;
      const { reviewedThrough, newest } = uses;
      process.stdout.write(
        reviewedThrough === 0 ? 'not reviewed yet\n' : `reviewed up to record ${reviewedThrough} of ${newest}\n`,
      );
    });
}

async function usesOf(directory: string): Promise<LogUses> {
  const uses = new LogUses();
  for await (const { parsed } of counted(readAudit(directory)))
    if (typeof parsed !== 'string') uses.add(new RecordRow(parsed), parsed.fields);
  if (!uses.hasReviews) return uses;
  for await (const { parsed } of counted(readAudit(directory)))
    if (typeof parsed !== 'string') uses.compare(parsed.seq, parsed.prev);
  return uses;
}

function tableOf({ uses }: LogUses): Table {
  const rows = uses.map((use) => [
    use.seq,
    use.time,
    use.by,
    use.uid ?? '-',
    use.what,
    use.means,
    use.records === null ? '' : use.what === 'reviewed' ? `1-${use.records}` : String(use.records),
    use.log,
    use.about,
  ]);
  return { columns: ['record', 'time', 'by', 'uid', 'what', 'how', 'records', 'log', 'about'], rows };
}
