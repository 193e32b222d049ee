/** The page's questions and the answers to them: JSON, and two streams of events. An edge. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  AuditError,
  auditReader,
  formatVerifierKey,
  latestCheckpoint,
  parseCheckpoint,
  proveRecord,
  type VerifierKey,
  verifyAudit,
  witnessesOf,
} from '../../../broker/audit/index.ts';
import { PolicyError } from '../../../policy/index.ts';
import { MAX_CASE_RECORDS } from '../cases/index.ts';
import { AuditQuestionError } from '../errors.ts';
import type { AuditStore, RecordIndex } from '../store/index.ts';
import type {
  CheckpointAnswer,
  Completion,
  ContextAnswer,
  FaultAnswer,
  LiveState,
  MadeAnswer,
  NowAnswer,
  Rec,
  RecordAnswer,
  RecordsAnswer,
  ReportAnswer,
  SeqsAnswer,
  VerifyAnswer,
  VerifyProgress,
  Why,
} from './answers.ts';
import { readJsonBody } from './body.ts';
import type { ConsoleCases } from './views/cases.ts';
import { completionOf } from './views/completion.ts';
import { decisionIn, neighboursOf, whyOf } from './views/context.ts';
import { historyOf, type Matches, matchesOf } from './views/history.ts';
import { NowState } from './views/now.ts';
import type { PolicyState } from './views/policy.ts';
import { Reports } from './views/reports.ts';
import { MAX_UNITS, MIN_UNITS } from './views/units.ts';
import { askWitnesses, type Witnesses } from './witnesses.ts';

/** Records in one answer. */
const MAX_PAGE = 200;
const DEFAULT_WINDOW_MS = 15 * 60_000;
const MAX_WINDOW_MS = 30 * 86_400_000;
/** Live events are bundled: a page that draws more often shows nothing more. */
const LIVE_INTERVAL_MS = 500;
/** How often it looks whether the broker still writes the log, while a page is open. */
const WRITER_LOOK_MS = 1_000;
/** Longer than a checkpoint with the cosignatures of all its witnesses. */
const MAX_NOTE_CHARACTERS = 8_192;
/** Answers to questions that are kept, so that turning a page asks nothing again. */
const KEPT_MATCHES = 8;

export interface ConsoleParts {
  readonly directory: string;
  readonly store: AuditStore;
  readonly policy: PolicyState;
  readonly cases: ConsoleCases;
  readonly keys: readonly VerifierKey[];
  /** Null: the console was given none. */
  readonly witnesses: Witnesses | null;
  /** Milliseconds between two live events. */
  readonly liveMs?: number;
}

export class ConsoleApi {
  readonly #directory: string;
  readonly #store: AuditStore;
  readonly #keys: readonly VerifierKey[];
  readonly #policy: PolicyState;
  readonly #cases: ConsoleCases;
  readonly #witnesses: Witnesses | null;
  readonly #liveMs: number;
  readonly #now: NowState;
  /** Of the newest records, while the others are being read. */
  #newest: NowState | null = null;
  readonly #matches = new Map<string, Matches>();
  readonly #reports = new Reports();
  readonly #live = new Set<ServerResponse>();
  readonly #stop: () => void;
  #lastLive = 0;
  #nextLive: NodeJS.Timeout | null = null;
  #nextLook: NodeJS.Timeout | null = null;
  #isLooking = false;
  #isLive = false;
  #isVerifying = false;

  constructor({ directory, store, policy, cases, keys, witnesses, liveMs = LIVE_INTERVAL_MS }: ConsoleParts) {
    this.#directory = directory;
    this.#store = store;
    this.#keys = keys;
    this.#policy = policy;
    this.#cases = cases;
    this.#witnesses = witnesses;
    this.#liveMs = liveMs;
    this.#now = new NowState(store.index, true);
    this.#stop = store.onChange(() => {
      // A little at a time: the first look at a long log then costs no more than any other.
      this.#now.advance();
      this.#policy.advance();
      this.#tellSoon();
    });
  }

  close(): void {
    this.#stop();
    if (this.#nextLive !== null) clearTimeout(this.#nextLive);
    if (this.#nextLook !== null) clearTimeout(this.#nextLook);
    for (const response of this.#live) response.end();
  }

  async answer(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams: asked } = url;
    await expected(response, async () => {
      if (url.pathname === '/api/state') json(response, this.#state());
      else if (url.pathname === '/api/live') this.#follow(request, response);
      else if (url.pathname === '/api/verify') await this.#verify(asked.get('since') ?? '', response);
      else if (url.pathname === '/api/checkpoint') json(response, await this.#checkpoint());
      else if (url.pathname === '/api/cases') json(response, await this.#cases.list());
      else if (url.pathname.startsWith('/api/case/')) await this.#case(url.pathname.slice(10), response);
      else if (url.pathname.startsWith('/api/case-file/')) await this.#caseFile(url.pathname.slice(15), response);
      else await this.#ofRecords(url, response);
    });
  }

  /** Answers about the records that have been read; a log that is being read for the first time is read on afterwards. */
  async #ofRecords({ pathname, searchParams: asked }: URL, response: ServerResponse): Promise<void> {
    await this.#store.begun;
    const release = this.#store.hold();
    const seq = Number(/^\/api\/(?:record|context|proof)\/([1-9]\d{0,15})$/.exec(pathname)?.[1]);
    try {
      if (pathname === '/api/now') json(response, await this.#nowOf(asked));
      else if (pathname === '/api/history') json(response, historyOf(this.#store.shown, this.#answerTo(asked)));
      else if (pathname === '/api/records') json(response, await this.#records(asked));
      else if (pathname === '/api/report') json(response, this.#report(asked));
      else if (pathname === '/api/policy') json(response, await this.#policy.look(asked.get('revision') ?? ''));
      else if (pathname === '/api/complete') json(response, this.#complete(asked));
      else if (pathname === '/api/seqs') json(response, this.#seqs(asked));
      else if (pathname.startsWith('/api/record/') && seq > 0) await this.#record(seq, response);
      else if (pathname.startsWith('/api/context/') && seq > 0) await this.#context(seq, response);
      else if (pathname.startsWith('/api/proof/') && seq > 0) await this.#proof(seq, response);
      else response.writeHead(404).end();
    } finally {
      release();
    }
  }

  /** The one request that changes something. */
  async makeCase(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await expected(response, async () => {
      if (!this.#cases.mayMake) {
        response.writeHead(403, { Connection: 'close' }).end();
        return;
      }
      const body = await readJsonBody(request);
      if (body === undefined) response.writeHead(413, { Connection: 'close' }).end();
      else json<MadeAnswer>(response, { file: await this.#cases.make(body, Date.now()) });
    });
  }

  #state(): LiveState {
    const { index, shown, isComplete, malformed, reading } = this.#store;
    return {
      records: index.rows,
      isComplete,
      malformed,
      reading,
      newest: shown === index ? null : shown.rows,
      isLive: this.#isLive,
      directory: this.#directory,
      mayMakeCases: this.#cases.mayMake,
      keys: this.#keys.map(formatVerifierKey),
      witnesses: {
        places: this.#witnesses?.places ?? [],
        isConfigured: this.#witnesses?.isConfigured ?? false,
        quorum: this.#witnesses?.quorum ?? 0,
      },
    };
  }

  async #nowOf(asked: URLSearchParams): Promise<NowAnswer> {
    const minutes = Number(asked.get('minutes'));
    const state = this.#stateNow();
    const now = state.look({
      windowMs: minutes > 0 ? Math.min(MAX_WINDOW_MS, minutes * 60_000) : DEFAULT_WINDOW_MS,
      most: Math.max(MIN_UNITS, Math.min(MAX_UNITS, whole(asked.get('units'), MAX_UNITS))),
      open: asked.get('open'),
      focus: asked.get('focus'),
    });
    const [refusals, grants, isLive, signed] = await Promise.all([
      this.#whole(state.index, now.refusals),
      this.#whole(state.index, now.grants),
      this.#hasWriter(),
      latestCheckpoint(this.#directory),
    ]);
    return { ...now, refusals, grants, isLive, signed: parseCheckpoint(signed ?? '')?.size ?? null };
  }

  #stateNow(): NowState {
    const { index, shown } = this.#store;
    if (shown === index) {
      this.#newest = null;
      return this.#now;
    }
    this.#newest ??= new NowState(shown, false);
    return this.#newest;
  }

  /** A repeated query continues with the new records only. With `since=` its range moves, so it runs again in full. */
  #answerTo(asked: URLSearchParams): Matches {
    const question = (asked.get('q') ?? '').trim();
    const before = /\b(since|until)\b/.test(question) ? null : (this.#matches.get(question) ?? null);
    const index = this.#store.shown;
    const matches = matchesOf(index, question, Date.now(), before?.index === index ? before : null);
    this.#matches.delete(question);
    this.#matches.set(question, matches);
    for (const oldest of this.#matches.keys()) {
      if (this.#matches.size <= KEPT_MATCHES) break;
      this.#matches.delete(oldest);
    }
    return matches;
  }

  #complete(asked: URLSearchParams): Completion {
    const question = asked.get('q') ?? '';
    return completionOf(this.#store.shown, question, whole(asked.get('at'), question.length));
  }

  /** Newest first, from the first `upto` matches: a list that a person reads stays still while the log grows. */
  async #records(asked: URLSearchParams): Promise<RecordsAnswer> {
    const matches = this.#answerTo(asked);
    const upto = Math.min(matches.length, whole(asked.get('upto'), matches.length));
    const skip = whole(asked.get('skip'), 0);
    const take = Math.min(MAX_PAGE, whole(asked.get('take'), MAX_PAGE));
    const rows: number[] = [];
    for (let at = upto - 1 - skip; at >= 0 && rows.length < take; at--) rows.push(matches.rows[at] ?? 0);
    return { matched: matches.length, skip, records: await this.#whole(matches.index, rows) };
  }

  /** Numbers of all records that answer a question, for a case. */
  #seqs(asked: URLSearchParams): SeqsAnswer {
    const { rows, length, index } = this.#answerTo(asked);
    if (length > MAX_CASE_RECORDS)
      throw new AuditQuestionError(
        'ERR_AUDIT_CASE',
        `${length} records answer the question, and a case holds at most ${MAX_CASE_RECORDS}`,
      );
    return { seqs: Array.from(rows.subarray(0, length), (row) => index.placed(row).seq) };
  }

  #report(asked: URLSearchParams): ReportAnswer {
    const word = (name: string): string => (asked.get(name) ?? '').trim();
    const question = { name: word('name'), question: word('q'), from: word('from'), to: word('to') };
    return this.#reports.look(this.#store.shown, question, Date.now());
  }

  async #checkpoint(): Promise<CheckpointAnswer> {
    return { note: await latestCheckpoint(this.#directory) };
  }

  async #case(file: string, response: ServerResponse): Promise<void> {
    const opened = await this.#cases.open(file);
    if (opened === null) response.writeHead(404).end();
    else json(response, opened);
  }

  async #caseFile(file: string, response: ServerResponse): Promise<void> {
    const content = await this.#cases.text(file);
    if (content === null) {
      response.writeHead(404).end();
      return;
    }
    // The name of an existing case is plain: letters, digits, dots, dashes.
    response.setHeader('Content-Disposition', `attachment; filename="${file}"`);
    response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
    response.end(content);
  }

  async #whole(index: RecordIndex, rows: readonly number[]): Promise<readonly Rec[]> {
    const records = await Promise.all(rows.map((row) => this.#store.record(index.placed(row))));
    return records.filter((record) => record !== null);
  }

  async #record(seq: number, response: ServerResponse): Promise<void> {
    const { shown: index } = this.#store;
    const row = index.rowOf(seq);
    const record = row < 0 ? null : await this.#store.record(index.placed(row));
    if (record === null) response.writeHead(404).end();
    else json<RecordAnswer>(response, { record });
  }

  /** Why it was decided so, and what the same domain did before and after. */
  async #context(seq: number, response: ServerResponse): Promise<void> {
    const { shown: index } = this.#store;
    const row = index.rowOf(seq);
    const record = row < 0 ? null : await this.#store.record(index.placed(row));
    if (record === null) {
      response.writeHead(404).end();
      return;
    }
    const neighbours = await this.#whole(index, neighboursOf(index, row));
    json<ContextAnswer>(response, { why: await this.#why(seq, record), neighbours });
  }

  async #why(seq: number, record: { readonly [key: string]: unknown }): Promise<Why> {
    const decided = decisionIn(record);
    if (decided === null) return { by: 'no decision' };
    try {
      return whyOf(decided, await this.#policy.inForce(seq, record.revision));
    } catch (error) {
      if (!(error instanceof AuditQuestionError || error instanceof PolicyError)) throw error;
      return { by: 'unknown policy', problem: error.message };
    }
  }

  async #proof(seq: number, response: ServerResponse): Promise<void> {
    const proof = await proveRecord(this.#directory, seq);
    response.setHeader('Content-Disposition', `attachment; filename="${seq}.tlog-proof"`);
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(proof);
  }

  #follow(request: IncomingMessage, response: ServerResponse): void {
    beginEvents(response);
    this.#live.add(response);
    request.once('close', () => this.#live.delete(response));
    event<LiveState>(response, 'state', this.#state());
    void this.#lookForWriter();
  }

  /** At once after a pause, else when it is time again: the last change is always told. */
  #tellSoon(): void {
    if (this.#nextLive !== null) return;
    const wait = this.#lastLive + this.#liveMs - performance.now();
    if (wait <= 0) this.#tell();
    else this.#nextLive = setTimeout(() => this.#tell(), wait).unref();
  }

  #tell(): void {
    this.#nextLive = null;
    this.#lastLive = performance.now();
    for (const response of this.#live)
      if (!response.writableNeedDrain) event<LiveState>(response, 'state', this.#state());
  }

  /** A broker that was killed writes nothing that would tell of it. */
  async #lookForWriter(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#live.size > 0) {
      const isLive = await this.#hasWriter();
      if (isLive !== this.#isLive) {
        this.#isLive = isLive;
        this.#tellSoon();
      }
      await new Promise<void>((resolve) => {
        this.#nextLook = setTimeout(resolve, WRITER_LOOK_MS).unref();
      });
    }
    this.#isLooking = false;
  }

  /** A directory that is gone or unreadable has none. */
  #hasWriter(): Promise<boolean> {
    return auditReader(this.#directory)
      .hasWriter()
      .catch(() => false);
  }

  /** @param since the text of a checkpoint that the user kept; empty: none */
  async #verify(since: string, response: ServerResponse): Promise<void> {
    beginEvents(response);
    try {
      event<VerifyAnswer>(response, 'result', await this.#verified(since, response));
    } catch (error) {
      event<FaultAnswer>(response, 'fault', faultOf(error));
    } finally {
      response.end();
    }
  }

  async #verified(since: string, response: ServerResponse): Promise<VerifyAnswer> {
    if (since !== '' && (since.length > MAX_NOTE_CHARACTERS || parseCheckpoint(since) === null))
      throw new AuditQuestionError('ERR_AUDIT_QUERY', 'what you kept is not a checkpoint');
    if (this.#isVerifying) throw new AuditQuestionError('ERR_AUDIT_QUERY', 'a verification is already under way');
    this.#isVerifying = true;
    try {
      let told = 0;
      const { silent, ...witnessed } = await askWitnesses(this.#witnesses);
      const result = await verifyAudit(this.#directory, {
        ...witnessed,
        keys: this.#keys,
        ...(since === '' ? {} : { since }),
        onProgress: (bytes, total) => {
          if (performance.now() - told < 100) return;
          told = performance.now();
          event<VerifyProgress>(response, 'progress', { bytes, total });
        },
      });
      return { ...result, silent, seenBy: witnessesOf(result.witnesses) };
    } finally {
      this.#isVerifying = false;
    }
  }
}

/** What the question or the log is to blame for becomes an answer with a code. */
async function expected(response: ServerResponse, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const fault = faultOf(error);
    response.statusCode = 400;
    json(response, fault);
  }
}

/** Throws the error again if neither the question nor the log is to blame for it. */
function faultOf(error: unknown): FaultAnswer {
  if (error instanceof AuditQuestionError || error instanceof AuditError || error instanceof PolicyError)
    return { error: error.message, code: error.code };
  throw error;
}

function whole(text: string | null, otherwise: number): number {
  const value = Number(text ?? Number.NaN);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function json<Answer extends object>(response: ServerResponse, value: Answer): void {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
}

function event<Answer extends object>(response: ServerResponse, name: string, value: Answer): void {
  response.write(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`);
}
