/**
 * The data of the Cases view: the auditor's cases, one of them checked again, and a new one. The only part of the console
 * that writes: a new file in the auditor's own folder.
 */
import * as z from 'zod';
import { parseVerifierKey, readVerifierKey, type VerifierKey } from '../../../../broker/audit/index.ts';
import type { TrustAnchor } from '../../../../keys/index.ts';
import {
  CASE_FAULTS,
  type CaseAuthor,
  CaseFolder,
  type CaseVerdict,
  checkCase,
  MAX_CASE_RECORDS,
  makeCase,
  verifyCase,
} from '../../cases/index.ts';
import { AuditQuestionError } from '../../errors.ts';
import type { CasesAnswer, NewCase, OpenedAnswer } from '../answers.ts';

/** What a console needs for cases; without it there is no such view but the way to get it. */
export interface CaseDesk {
  /** Whose credential names the authority, and whose key signs. */
  readonly author: CaseAuthor & { readonly authority: TrustAnchor };
  readonly folder: string;
  /** Tells the log that records leave it; false: no broker took it down. */
  announce(access: { readonly what: string; readonly question: string; readonly records: number }): Promise<boolean>;
}

const seq = z.int().min(1);
const newCase: z.ZodType<NewCase> = z.strictObject({
  name: z.string(),
  note: z.string(),
  question: z.string(),
  seqs: z.array(seq).max(MAX_CASE_RECORDS),
  remarks: z.array(z.strictObject({ seq, text: z.string() })).max(MAX_CASE_RECORDS),
});

export class ConsoleCases {
  readonly #directory: string;
  readonly #keys: readonly VerifierKey[];
  readonly #desk: CaseDesk | null;
  readonly #folder: CaseFolder | null;
  #isMaking = false;

  constructor(directory: string, keys: readonly VerifierKey[], desk: CaseDesk | null) {
    this.#directory = directory;
    this.#keys = keys;
    this.#desk = desk;
    this.#folder = desk === null ? null : new CaseFolder(desk.folder);
  }

  /** An auditor's console may make cases, no other. */
  get mayMake(): boolean {
    return this.#desk?.author.role === 'auditor';
  }

  async list(): Promise<CasesAnswer> {
    if (this.#desk === null || this.#folder === null) return { author: null, mayMake: false, total: 0, cases: [] };
    const { name, role } = this.#desk.author;
    return { author: { name, role }, mayMake: this.mayMake, ...(await this.#folder.list()) };
  }

  /** The file as it is, for a third party; null: there is none. */
  async text(file: string): Promise<string | null> {
    return (await this.#folder?.read(file)) ?? null;
  }

  /** Checked again, with the keys of this console; null: there is no such case. */
  async open(file: string): Promise<OpenedAnswer | null> {
    const content = await this.text(file);
    if (content === null || this.#desk === null) return null;
    const keys = this.#keys.length > 0 ? this.#keys : await this.#keyBesideLog();
    let verdict: CaseVerdict = { ok: false, reason: 'NOT_INCLUDED', why: 'the key of the log is not known' };
    for (const key of keys) {
      verdict = await verifyCase(content, key, this.#desk.author.authority);
      if (verdict.ok) break;
    }
    return { isKeyGiven: this.#keys.length > 0, verdict, fault: verdict.ok ? '' : CASE_FAULTS[verdict.reason] };
  }

  /** Returns the name of the file. @throws AuditQuestionError ERR_AUDIT_CASE; AuditError ERR_AUDIT_UNPROVEN */
  async make(body: unknown, now: number): Promise<string> {
    if (this.#desk === null || this.#folder === null || !this.mayMake) throw refused('this console makes no cases');
    const parsed = newCase.safeParse(body);
    if (!parsed.success) throw refused('this is not a case');
    if (this.#isMaking) throw refused('another case is being made');
    this.#isMaking = true;
    try {
      const { author } = this.#desk;
      const request = { ...parsed.data, name: parsed.data.name.trim() };
      checkCase(request, author);
      const { name, question, seqs } = request;
      // Before the file exists: an export without a record of it is the worse mistake.
      const isRecorded = await this.#desk.announce({ what: `case ${name}`, question, records: seqs.length });
      const content = await makeCase(this.#directory, { ...request, isRecorded }, author, now);
      return await this.#folder.add(name, content, now);
    } finally {
      this.#isMaking = false;
    }
  }

  async #keyBesideLog(): Promise<readonly VerifierKey[]> {
    const key = parseVerifierKey((await readVerifierKey(this.#directory)) ?? '');
    return key === null ? [] : [key];
  }
}

function refused(message: string): AuditQuestionError {
  return new AuditQuestionError('ERR_AUDIT_CASE', message);
}
