/**
 * Requests of an admin, each of them recorded: who, what, why, and what became of it.
 *
 * A request does not wait until the kernel has named the process that sent it: a revocation waits for nothing. The answer waits for that, within CALLER_LOOKUP_MS: a client that has its answer closes the connection.
 */
import type { IncomingMessage } from 'node:http';
import type { AuditLog } from '../audit/index.ts';
import type { Detail, Json } from '../record/index.ts';
import type { CallerProcess } from './caller-process.ts';
import type { ControlAnswer } from './request-body.ts';

/** Characters of a refusal in its record; the answer has all of it. */
const MAX_MESSAGE = 300;

export interface AdminRequest {
  /** `policy.apply`: what the record says was asked for. */
  readonly name: string;
  answer(request: IncomingMessage): Promise<ControlAnswer>;
}

export interface AdminContext {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly callerOf: (request: IncomingMessage) => Promise<CallerProcess | null>;
}

/** Never rejects. */
export async function administer(
  request: IncomingMessage,
  { name, answer }: AdminRequest,
  { audit, callerOf }: AdminContext,
): Promise<ControlAnswer> {
  const [answered, caller] = await Promise.all([answer(request), callerOf(request)]);
  const { isOk, reason, facts } = outcomeOf(answered);
  const detail = { request: name, ...answered.asked, ...facts, ...describeCaller(caller) };
  // After the end of the log there is nothing to write to; the request was answered by a broker that stops.
  try {
    audit.record({ event: isOk ? 'admin.request' : 'admin.refused', reason, detail });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_AUDIT_CLOSED')) throw error;
  }
  return answered;
}

interface Outcome {
  readonly isOk: boolean;
  readonly reason: string;
  readonly facts: Detail;
}

function outcomeOf({ code, body }: ControlAnswer): Outcome {
  const said = body as Readonly<Record<string, Json | undefined>>;
  const revision: Detail = typeof said.revision === 'number' ? { revision: said.revision } : {};
  if (code === 200) {
    const isIdle = said.changed === false || said.isNew === false;
    return { isOk: true, reason: isIdle ? 'UNCHANGED' : 'DONE', facts: revision };
  }
  const message = String(said.message ?? '').slice(0, MAX_MESSAGE);
  return { isOk: false, reason: String(said.code ?? 'ERR_CONTROL_BODY'), facts: { message } };
}

/** `caller` is the kernel's word; `by` is what the client said of itself. */
function describeCaller(caller: CallerProcess | null): Detail {
  if (caller === null) return { caller: null };
  const { pid, uid, login, program } = caller;
  return { caller: { pid, uid, login, program } };
}
