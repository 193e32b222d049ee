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
} from '../../../broker/audit/index.ts';
import { PolicyError } from '../../../policy/index.ts';
import { MAX_CASE_RECORDS } from '../cases/index.ts';
import { AuditQuestionError } from '../errors.ts';
import type { AuditStore, RecordIndex } from '../store/index.ts';
import { readJsonBody } from './body.ts';
import type { ConsoleCases } from './cases.ts';
import { completionOf } from './completion.ts';
import { decisionIn, neighboursOf, type Why, whyOf } from './context.ts';
import { historyOf, type Matches, matchesOf } from './history.ts';
import { NowState } from './now.ts';
import type { PolicyState } from './policy.ts';
import { MAX_UNITS, MIN_UNITS } from './units.ts';
import { askWitnesses, type Witnesses } from './witnesses.ts';

/** Records in one answer. */
const MAX_PAGE = 200;
const DEFAULT_WINDOW_MS = 15 * 60_000;
const MAX_WINDOW_MS = 30 * 86_400_000;
/** Live events are bundled: a page that draws more often shows nothing more. */
const LIVE_INTERVAL_MS = 500;
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
  readonly #live = new Set<ServerResponse>();
  readonly #stop: () => void;
  #lastLive = 0;
  #nextLive: NodeJS.Timeout | null = null;
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
    for (const response of this.#live) response.end();
  }

  async answer(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams: asked } = url;
    const seq = Number(/^\/api\/(?:record|context|proof)\/([1-9]\d{0,15})$/.exec(url.pathname)?.[1]);
    await expected(response, async () => {
      if (url.pathname === '/api/state') json(response, this.#state());
      else if (url.pathname === '/api/now') json(response, await this.#nowOf(asked));
      else if (url.pathname === '/api/history') json(response, historyOf(this.#store.shown, this.#answerTo(asked)));
      else if (url.pathname === '/api/records') json(response, await this.#records(asked));
      else if (url.pathname === '/api/policy') json(response, await this.#policy.look(asked.get('revision') ?? ''));
      else if (url.pathname === '/api/checkpoint') json(response, { note: await latestCheckpoint(this.#directory) });
      else if (url.pathname === '/api/live') this.#follow(request, response);
      else if (url.pathname === '/api/verify') await this.#verify(response);
      else if (url.pathname === '/api/complete') json(response, this.#complete(asked));
      else if (url.pathname === '/api/seqs') json(response, this.#seqs(asked));
      else if (url.pathname === '/api/cases') json(response, await this.#cases.list());
      else if (url.pathname.startsWith('/api/case/')) await this.#case(url.pathname.slice(10), response);
      else if (url.pathname.startsWith('/api/case-file/')) await this.#caseFile(url.pathname.slice(15), response);
      else if (url.pathname.startsWith('/api/record/') && seq > 0) await this.#record(seq, response);
      else if (url.pathname.startsWith('/api/context/') && seq > 0) await this.#context(seq, response);
      else if (url.pathname.startsWith('/api/proof/') && seq > 0) await this.#proof(seq, response);
      else response.writeHead(404).end();
    });
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
      else json(response, { file: await this.#cases.make(body, Date.now()) });
    });
  }

  #state(): object {
    const { index, shown, isComplete, malformed, reading } = this.#store;
    return {
      records: index.rows,
      isComplete,
      malformed,
      reading,
      /** Records that answers are about for now; null: all. */
      newest: shown === index ? null : shown.rows,
      directory: this.#directory,
      mayMakeCases: this.#cases.mayMake,
      keys: this.#keys.map(formatVerifierKey),
      witnesses: this.#witnesses?.places ?? [],
    };
  }

  async #nowOf(asked: URLSearchParams): Promise<object> {
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
      auditReader(this.#directory).hasWriter(),
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

  #complete(asked: URLSearchParams): object {
    const question = asked.get('q') ?? '';
    return completionOf(this.#store.shown, question, whole(asked.get('at'), question.length));
  }

  /** Newest first, from the first `upto` matches: a list that a person reads stays still while the log grows. */
  async #records(asked: URLSearchParams): Promise<object> {
    const matches = this.#answerTo(asked);
    const upto = Math.min(matches.length, whole(asked.get('upto'), matches.length));
    const skip = whole(asked.get('skip'), 0);
    const take = Math.min(MAX_PAGE, whole(asked.get('take'), MAX_PAGE));
    const rows: number[] = [];
    for (let at = upto - 1 - skip; at >= 0 && rows.length < take; at--) rows.push(matches.rows[at] ?? 0);
    return { matched: matches.length, skip, records: await this.#whole(matches.index, rows) };
  }

  /** Numbers of all records that answer a question, for a case. */
  #seqs(asked: URLSearchParams): object {
    const { rows, length, index } = this.#answerTo(asked);
    if (length > MAX_CASE_RECORDS)
      throw new AuditQuestionError(
        'ERR_AUDIT_CASE',
        `${length} records answer the question, and a case holds at most ${MAX_CASE_RECORDS}`,
      );
    return { seqs: Array.from(rows.subarray(0, length), (row) => index.placed(row).seq) };
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

  async #whole(index: RecordIndex, rows: readonly number[]): Promise<readonly unknown[]> {
    const records = await Promise.all(rows.map((row) => this.#store.record(index.placed(row))));
    return records.filter((record) => record !== null);
  }

  async #record(seq: number, response: ServerResponse): Promise<void> {
    const { shown: index } = this.#store;
    const row = index.rowOf(seq);
    const record = row < 0 ? null : await this.#store.record(index.placed(row));
    if (record === null) response.writeHead(404).end();
    else json(response, { record });
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
    json(response, { why: await this.#why(seq, record), neighbours });
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
    event(response, 'state', this.#state());
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
    for (const response of this.#live) if (!response.writableNeedDrain) event(response, 'state', this.#state());
  }

  async #verify(response: ServerResponse): Promise<void> {
    if (this.#isVerifying) throw new AuditQuestionError('ERR_AUDIT_QUERY', 'a verification is already under way');
    this.#isVerifying = true;
    beginEvents(response);
    try {
      let told = 0;
      const { silent, ...witnessed } = await askWitnesses(this.#witnesses);
      const result = await verifyAudit(this.#directory, {
        ...witnessed,
        keys: this.#keys,
        onProgress: (bytes, total) => {
          if (performance.now() - told < 100) return;
          told = performance.now();
          event(response, 'progress', { bytes, total });
        },
      });
      event(response, 'result', { ...result, silent });
    } finally {
      this.#isVerifying = false;
      response.end();
    }
  }
}

/** What the question or the log is to blame for becomes an answer with a code. */
async function expected(response: ServerResponse, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const isExpected =
      error instanceof AuditQuestionError || error instanceof AuditError || error instanceof PolicyError;
    if (!isExpected) throw error;
    response.statusCode = 400;
    json(response, { error: error.message, code: error.code });
  }
}

function whole(text: string | null, otherwise: number): number {
  const value = Number(text ?? Number.NaN);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
}

function event(response: ServerResponse, name: string, value: unknown): void {
  response.write(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`);
}
