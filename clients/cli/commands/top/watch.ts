/** Runs `argus top` in a terminal, and leaves the terminal as it was. */
import { type TailLine, tailAudit } from '../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../broker/base/index.ts';
import { type BrokerStatus, callControl, type GrantStatus } from '../../../../broker/index.ts';
import { drawLines, type Key, runFullScreen } from '../../full-screen.ts';
import { type ControlFlags, controlSocket } from '../../sockets/control.ts';
import { who } from '../../who.ts';
import { TopModel } from './model.ts';
import { drawTop, FIRST_STATE, keyAction, type TopState } from './view.ts';

const REFRESH_MS = 1_000;
/** Records of the past that the first screen shows. */
const PAST_RECORDS = 200;

/** One reading of the broker into the model. @throws BrokerError */
export async function readInto(model: TopModel, { control, timeout }: ControlFlags): Promise<void> {
  const socket = controlSocket(control);
  const status = (await callControl(socket, 'GET', '/v1/status', undefined, timeout)).body as BrokerStatus;
  const { grants } = (await callControl(socket, 'GET', '/v1/grants', undefined, timeout)).body as {
    grants: GrantStatus[];
  };
  model.read({ at: performance.now(), status, grants });
}

/** Records of the log, past ones first; with a signal also new ones, until it is aborted. */
export async function followLog(model: TopModel, signal: AbortSignal | null): Promise<void> {
  const directory = model.now?.status.audit.directory ?? '';
  const wants = ({ parsed }: TailLine): boolean => typeof parsed !== 'string' && parsed.fields.dst !== undefined;
  const options = { lines: PAST_RECORDS, wants, ...(signal === null ? {} : { follow: signal }) };
  for await (const { parsed } of tailAudit(directory, options))
    if (typeof parsed !== 'string') model.record(parsed.seq, parsed.event, parsed.fields);
}

export async function watchTop(flags: ControlFlags): Promise<void> {
  const { stdout } = process;
  const model = new TopModel();
  // Before the screen changes: a broker that is not running is an error like that of any command.
  await readInto(model, flags);
  let state: TopState = FIRST_STATE;
  const draw = (): void => {
    drawLines(drawTop(model, state, Date.now(), { columns: stdout.columns, rows: stdout.rows }));
  };
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      state = { ...state, problem: reasonOf(error) };
    }
    draw();
  };
  let isReading = false;
  const refresh = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    await attempt(() => readInto(model, flags));
    isReading = false;
  };
  const revoke = ({ domain, label }: GrantStatus): Promise<void> =>
    attempt(async () => {
      const body = { domain, label, by: who(), reason: 'argus top' };
      const { ok, body: answer } = await callControl(controlSocket(flags.control), 'POST', '/v1/grants/revoke', body);
      if (!ok) throw new Error((answer as { message: string }).message);
      await readInto(model, flags);
    });
  const stop = new AbortController();
  // A log that this user may not read leaves two panels empty; the problem is shown.
  const following = attempt(() => followLog(model, stop.signal));
  const press = (key: Key): 'quit' | null => {
    const action = keyAction(model, state, key);
    if (action === null) return null;
    if (action.kind === 'quit') return 'quit';
    state = action.state;
    if (action.kind === 'revoke') void revoke(action.grant);
    draw();
    return null;
  };
  try {
    await runFullScreen({ draw, press, refresh: () => void refresh(), everyMs: REFRESH_MS });
  } finally {
    stop.abort();
    await following;
  }
}
