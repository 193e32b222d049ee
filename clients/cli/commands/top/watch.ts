/** Runs `argus top` in a terminal, and leaves the terminal as it was. */
import { emitKeypressEvents } from 'node:readline';
import { type TailLine, tailAudit } from '../../../../broker/audit/index.ts';
import { reasonOf } from '../../../../broker/base/index.ts';
import { type BrokerStatus, callControl, type GrantStatus } from '../../../../broker/index.ts';
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
  const { stdin, stdout } = process;
  const model = new TopModel();
  // Before the screen changes: a broker that is not running is an error like that of any command.
  await readInto(model, flags);
  let state: TopState = FIRST_STATE;
  const draw = (): void => {
    const lines = drawTop(model, state, Date.now(), { columns: stdout.columns, rows: stdout.rows });
    stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
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
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  stdout.write('\x1b[?1049h\x1b[?25l');
  draw();
  const timer = setInterval(() => void refresh(), REFRESH_MS);
  stdout.on('resize', draw);
  // A log that this user may not read leaves two panels empty; the problem is shown.
  const following = attempt(() => followLog(model, stop.signal));
  try {
    await new Promise<void>((resolve) => {
      const end = (): void => resolve();
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, end);
      stdin.once('end', end);
      stdin.on('keypress', (_text: string | undefined, key: Parameters<typeof keyAction>[2]) => {
        const action = keyAction(model, state, key);
        if (action === null) return;
        if (action.kind === 'quit') return end();
        state = action.state;
        if (action.kind === 'revoke') void revoke(action.grant);
        draw();
      });
    });
  } finally {
    clearInterval(timer);
    stop.abort();
    stdout.off('resize', draw);
    stdin.removeAllListeners('keypress');
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write('\x1b[?25h\x1b[?1049l');
    await following;
  }
}
