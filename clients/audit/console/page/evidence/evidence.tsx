/** Evidence: the verification in front of one's eyes, what is signed, and what is not proven. */
import { useEffect, useState } from 'preact/hooks';
import type { CheckpointAnswer, FaultAnswer, VerifyAnswer, VerifyProgress, WitnessesNamed } from '../../answers.ts';
import { useAnswer } from '../api.tsx';
import { bytes, clockTime, counted, plain } from '../text.tsx';

/** A checkpoint with the cosignatures of all its witnesses is shorter. */
const MAX_NOTE_BYTES = 8_192;

interface Props {
  readonly keys: readonly string[];
  /** The witnesses that are asked. */
  readonly witnesses: WitnessesNamed;
}

export function Evidence({ keys, witnesses }: Props) {
  const [run, setRun] = useState(0);
  const [progress, setProgress] = useState<VerifyProgress | null>(null);
  const [result, setResult] = useState<VerifyAnswer | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [since, setSince] = useState('');
  const { answer } = useAnswer<CheckpointAnswer>('/api/checkpoint', run);
  useEffect(() => {
    if (run === 0) return;
    setResult(null);
    setFault(null);
    const kept = since.trim();
    // A note ends with a newline, which a copy often lacks.
    const query = kept === '' ? '' : `?${new URLSearchParams({ since: `${kept}\n` })}`;
    const source = new EventSource(`/api/verify${query}`);
    let isDone = false;
    source.addEventListener('progress', (event) => setProgress(JSON.parse((event as MessageEvent<string>).data)));
    source.addEventListener('result', (event) => {
      isDone = true;
      source.close();
      setProgress(null);
      setResult(JSON.parse((event as MessageEvent<string>).data));
    });
    source.addEventListener('fault', (event) => {
      isDone = true;
      source.close();
      setProgress(null);
      setFault((JSON.parse((event as MessageEvent<string>).data) as FaultAnswer).error);
    });
    source.onerror = () => {
      source.close();
      setProgress(null);
      if (!isDone) setFault('the verification ended early; try again');
    };
    return () => source.close();
  }, [run]);
  return (
    <div class="evidence">
      <section class="panel" aria-label="Verification">
        <h2>Is the log whole, and is it the one that was signed?</h2>
        <button
          type="button"
          class="main"
          onClick={() => setRun(run + 1)}
          disabled={run > 0 && result === null && fault === null}
        >
          Verify now
        </button>
        <Kept since={since} onKept={setSince} />
        {progress !== null && (
          <p>
            <progress aria-label="Verified so far" value={progress.bytes} max={progress.total} />{' '}
            {bytes(progress.bytes)} of {bytes(progress.total)}
          </p>
        )}
        {fault !== null && (
          <p class="bad" role="alert">
            {plain(fault)}
          </p>
        )}
        {result !== null && <Verdict result={result} />}
      </section>
      <section class="panel" aria-label="Checkpoint">
        <h2>The newest checkpoint</h2>
        {answer?.note === null && <p class="bad">This log was never signed: nothing but the chain vouches for it.</p>}
        {answer !== null && answer.note !== null && (
          <>
            <pre>{plain(answer.note).replaceAll('\\u000a', '\n')}</pre>
            <p class="dim">Keep a copy where this host cannot reach it, and compare the log with it next time.</p>
          </>
        )}
        <h3>Keys that this console trusts</h3>
        {keys.length === 0 ? (
          <p class="warn">
            None was given: the key beside the log is used, which a forger could have put there. Start the console with
            --key.
          </p>
        ) : (
          keys.map((key) => <pre key={key}>{plain(key)}</pre>)
        )}
      </section>
      <Witnesses witnesses={witnesses} result={result} />
      <section class="panel" aria-label="Limits">
        <h2>What is not proven</h2>
        <ul>
          {limitsOf(result, keys, witnesses.places).map((limit) => (
            <li key={limit}>{limit}</li>
          ))}
        </ul>
      </section>
    </div>
  );
}

interface KeptProps {
  readonly since: string;
  readonly onKept: (since: string) => void;
}

/** A checkpoint of an earlier visit: with it a rollback shows that no later checkpoint of this log would tell. */
function Kept({ since, onKept }: KeptProps) {
  return (
    <details class="kept">
      <summary>
        {since.trim() === '' ? 'Compare with a checkpoint that you kept' : 'Compared with your checkpoint'}
      </summary>
      <label>
        Its text, as <code>argus audit checkpoint</code> prints it, or the file
        <textarea rows={5} spellcheck={false} value={since} onInput={(event) => onKept(event.currentTarget.value)} />
      </label>
      <input
        type="file"
        aria-label="File with the checkpoint"
        onChange={(event) => {
          void event.currentTarget.files?.[0]?.slice(0, MAX_NOTE_BYTES).text().then(onKept);
        }}
      />
    </details>
  );
}

function Verdict({ result }: { readonly result: VerifyAnswer }) {
  const { ok, checkpoints } = result;
  return (
    <div role="status">
      <p class={`verdict ${ok ? 'good' : 'bad'}`}>
        {ok ? 'PASS' : 'FAIL'} {result.records.toLocaleString('en')} records in {counted(result.segments, 'segment')}
        {result.silent.length > 0 && (
          <b class="warn">{`, without ${result.silent.length === 1 ? 'a witness' : `${result.silent.length} witnesses`}`}</b>
        )}
      </p>
      <ul>
        <li>
          {counted(checkpoints.count, 'checkpoint')}
          {checkpoints.keyName === null ? '' : ` by ${plain(checkpoints.keyName)}`}:{' '}
          {checkpoints.covered.toLocaleString('en')} records covered, {checkpoints.uncovered.toLocaleString('en')} not
          yet covered
        </li>
        {checkpoints.since !== null && (
          <li class="good">
            all {checkpoints.since.toLocaleString('en')} records of the checkpoint that you kept are still there,
            unaltered
          </li>
        )}
        {checkpoints.key !== 'given' && <li class="warn">the key was not given by you</li>}
        <li>
          {counted(result.uncleanShutdowns, 'unclean shutdown')}; {counted(result.gaps, 'time')} not writable,{' '}
          {counted(result.lost, 'event')} lost
        </li>
        {result.live && <li>a broker is writing</li>}
      </ul>
      {result.problems.slice(0, 100).map((problem, at) => (
        <p key={at} class="bad">
          {problem.finding}: {problem.segment === 0 ? 'log' : `segment ${problem.segment} line ${problem.line}`}:{' '}
          {problem.code} {plain(problem.message)}
        </p>
      ))}
      {result.problemCount > 100 && <p class="bad">showing 100 of {result.problemCount} problems</p>}
    </div>
  );
}

interface WitnessesProps {
  readonly witnesses: WitnessesNamed;
  readonly result: VerifyAnswer | null;
}

function Witnesses({ witnesses: { places, isConfigured, quorum }, result }: WitnessesProps) {
  return (
    <section class="panel" aria-label="Witnesses">
      <h2>Witnesses</h2>
      {places.length === 0 && (
        <p class="warn">
          None is asked: without a checkpoint that you kept, a log that was rolled back together with its checkpoints is
          not noticed. Start the console with --witness.
        </p>
      )}
      {isConfigured && (
        <p class="dim">
          These stand in the broker's configuration, on the host that is being checked. To rely on no word of that host,
          name them yourself with --witness.
        </p>
      )}
      {(places.length > 0 || quorum > 0) && <Quorum quorum={quorum} places={places.length} result={result} />}
      <ul class="plain rows">
        {places.map((place) => (
          <li key={place}>
            {plain(place)} <WitnessWord place={place} result={result} />
          </li>
        ))}
      </ul>
      {result?.silent
        .filter(({ place }) => !places.includes(place))
        .map(({ place, reason }) => (
          <p key={place} class="bad">
            {plain(reason)}
          </p>
        ))}
    </section>
  );
}

interface QuorumProps {
  readonly quorum: number;
  readonly places: number;
  readonly result: VerifyAnswer | null;
}

/** How many of the witnesses have to have seen the log, and which have. */
function Quorum({ quorum, places, result }: QuorumProps) {
  if (result === null)
    return (
      <p class="dim">
        {quorum === 0
          ? 'No number of them is asked for: one that is silent is no failure.'
          : `Quorum: ${quorum} of ${places} must have seen the log.`}
      </p>
    );
  const { seenBy } = result;
  const names = seenBy.length === 0 ? '' : `: ${seenBy.map(plain).join(', ')}`;
  const told = `seen by ${seenBy.length} of ${places}${names}`;
  if (quorum === 0) return <p class="dim">{`This log was ${told}. No number is asked for.`}</p>;
  const isReached = seenBy.length >= quorum;
  return (
    <p class={isReached ? 'good' : 'bad'}>
      {`Quorum ${isReached ? 'reached' : 'missed'}: ${quorum} must have seen this log; ${told}`}
    </p>
  );
}

function WitnessWord({ place, result }: { readonly place: string; readonly result: VerifyAnswer | null }) {
  if (result === null) return <span class="dim">is asked at the next verification</span>;
  const silent = result.silent.find((one) => one.place === place);
  if (silent !== undefined) return <b class="bad">{plain(silent.reason)}</b>;
  const report = result.witnesses.find(({ from }) => from === place);
  if (report === undefined) return <b class="bad">does not vouch for this log</b>;
  const when = report.cosignedAt === null ? '' : `, ${clockTime(report.cosignedAt * 1_000)} UTC by its clock`;
  return (
    <>
      <b class={report.name === null ? 'warn' : 'good'}>
        {`has seen ${report.size.toLocaleString('en')} records${when}; all are still there, unaltered`}
      </b>
      {report.name !== null && <span class="dim"> cosigned by {plain(report.name)}</span>}
      {report.name === null && (
        <span class="warn"> its cosignature was not checked: give its key with --witness-key</span>
      )}
    </>
  );
}

/** What this verification, with these keys and witnesses, leaves open. */
function limitsOf(
  result: VerifyAnswer | null,
  keys: readonly string[],
  witnesses: readonly string[],
): readonly string[] {
  const limits: string[] = [];
  const uncovered = result?.checkpoints.uncovered ?? 0;
  if (result === null)
    limits.push('Nothing has been verified yet. Records behind the newest checkpoint are whole by the chain alone.');
  else if (uncovered > 0)
    limits.push(`${counted(uncovered, 'record')} behind the newest checkpoint: whole by the chain alone.`);
  if (keys.length === 0) limits.push('Who signed: no key was given, so the log itself says which key is right.');
  const seen = Math.max(0, ...(result?.witnesses ?? []).map(({ size }) => size));
  if (witnesses.length === 0 || (result !== null && seen === 0))
    limits.push(
      (result?.checkpoints.since ?? null) === null
        ? 'A log that was rolled back with its checkpoints shows only to whoever kept a later checkpoint.'
        : `A log that was rolled back to a state after your checkpoint of ${result?.checkpoints.since?.toLocaleString('en')} records shows only to whoever kept a later one.`,
    );
  else if (result !== null) limits.push(`No witness has seen the records after ${seen.toLocaleString('en')}.`);
  if ((result?.prunedRecords ?? 0) > 0)
    limits.push(
      `Records 1 to ${result?.prunedRecords} were removed by retention: what they said is not known any more.`,
    );
  if ((result?.lost ?? 0) > 0)
    limits.push(`${result?.lost} events happened while the log could not be written, and are only counted.`);
  limits.push('A host that is taken over can stop recording, or record lies, from that moment on.');
  return limits;
}
