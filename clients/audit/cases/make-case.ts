/** Makes a case from a log. An edge: reads the log. */
import { proveRecords, readAudit } from '../../../broker/audit/index.ts';
import { AuditQuestionError } from '../errors.ts';
import { type Predicate, RecordRow } from '../query/index.ts';
import { CASE_TYP, type CaseHead, caseBody, caseHash, sealLine } from './case-file.ts';
import { MAX_CASE_RECORDS, MAX_CASE_TEXT } from './limits.ts';

/** The auditor: a name, and the key that signs. */
export interface CaseAuthor {
  readonly name: string;
  readonly role: string;
  readonly credentialJwt: string;
  signStatement(typ: string, claims: object): Promise<string>;
}

export type CaseRequest = Pick<CaseHead, 'name' | 'note' | 'question' | 'isRecorded'> & {
  readonly seqs: readonly number[];
  readonly remarks: readonly Readonly<CaseHead['remarks'][number]>[];
};

/** Numbers of the records that answer a question. @throws AuditQuestionError when there are none, or too many */
export async function selectRecords(directory: string, wants: Predicate): Promise<readonly number[]> {
  const seqs: number[] = [];
  for await (const { parsed } of readAudit(directory)) {
    if (typeof parsed !== 'string' && wants(new RecordRow(parsed))) seqs.push(parsed.seq);
    if (seqs.length > MAX_CASE_RECORDS) break;
  }
  return seqs;
}

/** @throws AuditQuestionError ERR_AUDIT_CASE; AuditError ERR_AUDIT_UNPROVEN */
export function checkCase(
  { name, note, question, remarks, seqs }: Omit<CaseRequest, 'isRecorded'>,
  author: CaseAuthor,
): void {
  if (author.role !== 'auditor') throw refused(`"${author.name}" has the role ${author.role}; an auditor signs a case`);
  if (name.trim() === '') throw refused('a case has a name');
  if ([name, note, question, ...remarks.map(({ text }) => text)].some((text) => text.length > MAX_CASE_TEXT))
    throw refused(`name, note, question and remarks have at most ${MAX_CASE_TEXT} characters`);
  if (seqs.length === 0) throw refused('no record answers the question; a case holds at least one');
  if (seqs.length > MAX_CASE_RECORDS)
    throw refused(`a case holds at most ${MAX_CASE_RECORDS} records; ask for fewer, or make several cases`);
  const held = new Set(seqs);
  const stray = remarks.find(({ seq }) => !held.has(seq));
  if (stray !== undefined) throw refused(`record ${stray.seq} has a remark and is not in the case`);
}

/** The text of the file. @throws as `checkCase` */
export async function makeCase(
  directory: string,
  request: CaseRequest,
  author: CaseAuthor,
  now: number,
): Promise<string> {
  checkCase(request, author);
  const { seqs, remarks, ...said } = request;
  const proven = await proveRecords(directory, seqs);
  const made = new Date(now).toISOString();
  const body = caseBody(
    { ...said, remarks: [...remarks], by: author.name, made, records: proven.records.length },
    proven,
  );
  const sha256 = caseHash(body);
  const statement = await author.signStatement(CASE_TYP, { sha256 });
  return body + sealLine({ sha256, credential: author.credentialJwt, statement });
}

function refused(message: string): AuditQuestionError {
  return new AuditQuestionError('ERR_AUDIT_CASE', message);
}
