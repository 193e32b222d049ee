/** Cases: the one that is being put together, those that were made, and one of them checked again. */
import { useEffect, useState } from 'preact/hooks';
import type { CasesAnswer, MadeAnswer, NewCase, OpenedAnswer, Rec, RecordsAnswer, ShownCase } from '../../answers.ts';
import { ask, tell, useAnswer } from '../api.tsx';
import { bytes, member, plain, summaryOf } from '../text.tsx';
import { changeDraft, choose, clearDraft, type Draft, remark, useDraft } from './draft.tsx';

/** Records of a draft that the page shows; all are in the case. */
const SHOWN_RECORDS = 100;
/** Lines of an opened case that the page shows; all were checked. */
const SHOWN_LINES = 500;

export function Cases({ onAsk }: { readonly onAsk: (question: string) => void }) {
  const [turn, setTurn] = useState(0);
  const [file, setFile] = useState<string | null>(null);
  const { answer, fault } = useAnswer<CasesAnswer>('/api/cases', turn);
  if (fault !== null)
    return (
      <p class="bad" role="alert">
        {plain(fault)}
      </p>
    );
  if (answer === null) return <p>reading the cases</p>;
  if (answer.author === null) return <NoDesk />;
  return (
    <div class="cases">
      {answer.mayMake ? (
        <DraftPanel
          author={answer.author.name}
          onAsk={onAsk}
          onMade={(made) => {
            setTurn(turn + 1);
            setFile(made);
          }}
        />
      ) : (
        <section class="panel" aria-label="New case">
          <h2>A new case</h2>
          <p class="warn">
            {plain(answer.author.name)} has the role {plain(answer.author.role)}. Only an auditor signs cases; cases of
            others can be checked here.
          </p>
        </section>
      )}
      <section class="panel" aria-label="Cases">
        <h2>Cases in your folder</h2>
        {answer.cases.length === 0 && <p class="dim">none yet</p>}
        <ul class="plain rows">
          {answer.cases.map((one) => (
            <li key={one.file}>
              <button type="button" class="link" aria-pressed={one.file === file} onClick={() => setFile(one.file)}>
                {one.head === null ? plain(one.file) : plain(one.head.name)}
              </button>{' '}
              <span class="dim">
                {one.head === null
                  ? 'not a case'
                  : `${one.head.records} records, ${plain(one.head.by)}, ${plain(one.head.made).slice(0, 16).replace('T', ' ')}, `}
                {one.head !== null && bytes(one.bytes)}
              </span>{' '}
              <a href={`/api/case-file/${one.file}`} download={one.file} aria-label={`Download ${one.file}`}>
                download
              </a>
            </li>
          ))}
        </ul>
        {answer.total > answer.cases.length && (
          <p class="dim">{`showing the newest ${answer.cases.length} of ${answer.total}`}</p>
        )}
      </section>
      {file !== null && <Opened key={file} file={file} mayMake={answer.mayMake} />}
    </div>
  );
}

function NoDesk() {
  return (
    <section class="panel" aria-label="New case">
      <h2>Cases</h2>
      <p>
        A case is a selection of records with your remarks, their proofs and your signature, in one file that a third
        party checks without the log. This console only reads: it was started without the key of an auditor.
      </p>
      <p>Start it with both options to make, list and check cases:</p>
      <pre>argus console DIR --identity ~/.argus --cases ~/cases</pre>
    </section>
  );
}

interface DraftProps {
  readonly author: string;
  readonly onAsk: (question: string) => void;
  readonly onMade: (file: string) => void;
}

function DraftPanel({ author, onAsk, onMade }: DraftProps) {
  const draft = useDraft();
  const [fault, setFault] = useState<string | null>(null);
  const [isMaking, setMaking] = useState(false);
  const records = useRecords(draft.seqs);
  const make = async (): Promise<void> => {
    setMaking(true);
    setFault(null);
    try {
      const { file } = await tell<MadeAnswer>('/api/cases', requestOf(draft));
      clearDraft();
      onMade(file);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setMaking(false);
    }
  };
  return (
    <section class="panel" aria-label="New case">
      <h2>A new case</h2>
      {draft.seqs.length === 0 ? (
        <p>
          No record is selected. Go to{' '}
          <button type="button" class="link" onClick={() => onAsk('decision=deny')}>
            History
          </button>
          , ask a question, and add all its records or tick single ones.
        </p>
      ) : (
        <form
          class="draft"
          onSubmit={(event) => {
            event.preventDefault();
            void make();
          }}
        >
          <label>
            Name
            <input
              name="name"
              required
              maxLength={200}
              value={draft.name}
              placeholder="incident 17"
              autocomplete="off"
              onInput={(event) => changeDraft({ name: event.currentTarget.value })}
            />
          </label>
          <label>
            Note about the whole
            <textarea
              name="note"
              rows={3}
              maxLength={4_000}
              value={draft.note}
              onInput={(event) => changeDraft({ note: event.currentTarget.value })}
            />
          </label>
          <p class="dim">
            {draft.seqs.length.toLocaleString('en')} records
            {draft.question === '' ? ', chosen by hand' : `, which answer: ${plain(draft.question)}`}
          </p>
          <ul class="plain picked">
            {records.map((record) => (
              <Picked key={String(record.seq)} record={record} said={draft.remarks[String(record.seq)] ?? ''} />
            ))}
          </ul>
          {draft.seqs.length > SHOWN_RECORDS && (
            <p class="dim">{`showing the first ${SHOWN_RECORDS}; all ${draft.seqs.length} are in the case`}</p>
          )}
          {fault !== null && (
            <p class="bad" role="alert">
              {plain(fault)}
            </p>
          )}
          <p class="actions">
            <button type="submit" class="main" disabled={isMaking}>
              {isMaking ? 'proving the records' : `Sign as ${plain(author)}`}
            </button>
            <button type="button" class="quiet" onClick={clearDraft}>
              Start over
            </button>
          </p>
        </form>
      )}
    </section>
  );
}

function Picked({ record, said }: { readonly record: Rec; readonly said: string }) {
  const seq = Number(record.seq);
  return (
    <li>
      <span class="line">
        #{seq} {plain(record.time).slice(0, 19).replace('T', ' ')} {plain(record.event)} {summaryOf(record)}
      </span>
      <span class="actions">
        <input
          aria-label={`Remark about record ${seq}`}
          placeholder="remark"
          maxLength={4_000}
          value={said}
          onInput={(event) => remark(seq, event.currentTarget.value)}
        />
        <button type="button" class="quiet" aria-label={`Remove record ${seq}`} onClick={() => choose(seq, false)}>
          Remove
        </button>
      </span>
    </li>
  );
}

function Opened({ file, mayMake }: { readonly file: string; readonly mayMake: boolean }) {
  const { answer, fault } = useAnswer<OpenedAnswer>(`/api/case/${file}`, 0);
  return (
    <section class="panel" aria-label="Opened case">
      <h2>{file}</h2>
      {fault !== null && (
        <p class="bad" role="alert">
          {plain(fault)}
        </p>
      )}
      {answer === null && fault === null && <p>checking signature and proofs</p>}
      {answer !== null && !answer.isKeyGiven && (
        <p class="warn">The key beside the log was used, which a forger could have put there: start with --key.</p>
      )}
      {answer?.verdict.ok === false && (
        <p class="verdict bad" role="status">
          FAIL {plain(answer.verdict.reason)}: {answer.fault}
          {answer.verdict.record !== undefined && ` (record ${answer.verdict.record})`}
          {answer.verdict.why !== undefined && `: ${plain(answer.verdict.why)}`}
        </p>
      )}
      {answer?.verdict.ok === true && <Proven proven={answer.verdict} mayMake={mayMake} />}
    </section>
  );
}

function Proven({ proven, mayMake }: { readonly proven: ShownCase; readonly mayMake: boolean }) {
  const { name, by, made, note, question, lines, remarks, size, origin, isRecorded } = proven;
  return (
    <>
      <p class="verdict good" role="status">
        PASS {lines.length.toLocaleString('en')} of the {size.toLocaleString('en')} signed records of {plain(origin)}
      </p>
      <p>
        <b>{plain(name)}</b>, signed by {plain(by)}, {plain(made).slice(0, 19).replace('T', ' ')}
        {note !== '' && <q class="note">{plain(note)}</q>}
      </p>
      <p class="dim">
        {question === '' ? 'The records were chosen by hand.' : `The records answer: ${plain(question)}.`}{' '}
        {isRecorded ? 'The log says that they were exported.' : 'The log has no record of this export.'}
      </p>
      {mayMake && (
        <p>
          <button type="button" onClick={() => changeDraft(draftOf(proven))}>
            Begin a new case from this one
          </button>
        </p>
      )}
      <ul class="plain rows" tabindex={0} aria-label="Records of the case">
        {lines.slice(0, SHOWN_LINES).map(({ seq, fields }) => (
          <li key={seq}>
            #{seq} {plain(fields.time).slice(0, 19).replace('T', ' ')} {plain(fields.event)} {summaryOf(fields)}
            {remarks
              .filter((one) => one.seq === seq)
              .map(({ text }) => (
                <q class="note" key={text}>
                  {plain(text)}
                </q>
              ))}
          </li>
        ))}
        {lines.length > SHOWN_LINES && <li class="dim">{`showing ${SHOWN_LINES} of ${lines.length}`}</li>}
      </ul>
    </>
  );
}

/** The first records of a draft, as they stand in the log. */
function useRecords(seqs: readonly number[]): readonly Rec[] {
  const [records, setRecords] = useState<readonly Rec[]>([]);
  const shown = seqs.slice(0, SHOWN_RECORDS).join(',');
  useEffect(() => {
    if (shown === '') return;
    const stop = new AbortController();
    const query = new URLSearchParams({ q: `seq in (${shown})`, take: String(SHOWN_RECORDS) });
    ask<RecordsAnswer>(`/api/records?${query}`, stop.signal).then(
      (answer) => setRecords(answer.records.toReversed()),
      () => undefined,
    );
    return () => stop.abort();
  }, [shown]);
  return records.filter((record) => seqs.includes(Number(member(record, 'seq'))));
}

function requestOf({ name, note, question, seqs, remarks }: Draft): NewCase {
  const said = Object.entries(remarks).flatMap(([seq, text]) =>
    text.trim() === '' ? [] : [{ seq: Number(seq), text: text.trim() }],
  );
  return { name, note, question, seqs, remarks: said };
}

function draftOf({ name, note, question, lines, remarks }: ShownCase): Draft {
  const said = Object.fromEntries(remarks.map(({ seq, text }) => [String(seq), text]));
  return { name, note, question, seqs: lines.map(({ seq }) => seq), remarks: said };
}
