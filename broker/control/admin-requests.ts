/**
 * Requests of an admin. Each is recorded: the caller, the request, the reason and the result.
 *
 * A request is carried out at once, before the kernel has named the calling process, because a revocation must not
 * wait. Only the answer waits for that, at most CALLER_LOOKUP_MS: after its answer a client closes the connection.
 */
import type { IncomingMessage } from 'node:http';
import type { AuditLog } from '../audit/index.ts';
import type { Detail, Json } from '../record/index.ts';
import type { CallerProcess } from './caller-process.ts';
import type { Holder } from './gate.ts';
import type { ControlAnswer } from './request-body.ts';

/** Characters of a refusal in its record. The answer has the whole text. */
const MAX_MESSAGE = 300;

export interface AdminRequest {
  /** The name of the request in its record, for example `policy.apply`. */
  readonly name: string;
  /** The holder of the key that signed the request; null or absent: none did. */
  readonly holder?: Holder | null;
  answer(request: IncomingMessage): Promise<ControlAnswer>;
}

export interface AdminContext {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly callerOf: (request: IncomingMessage) => Promise<CallerProcess | null>;
}

/** The log may already be closed, because the broker is stopping. */
export function recordRequest(audit: Pick<AuditLog, 'record'>, event: Parameters<AuditLog['record']>[0]): void {
  try {
    audit.record(event);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_AUDIT_CLOSED')) throw error;
  }
}

/** Never rejects. */
export async function administer(
  request: IncomingMessage,
  { name, holder, answer }: AdminRequest,
  { audit, callerOf }: AdminContext,
): Promise<ControlAnswer> {
  const [answered, caller] = await Promise.all([answer(request), callerOf(request)]);
  const { isOk, reason, facts } = outcomeOf(answered);
  const detail = { request: name, ...answered.asked, ...facts, ...describeHolder(holder), ...describeCaller(caller) };
  recordRequest(audit, { event: isOk ? 'admin.request' : 'admin.refused', reason, detail });
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

/** `holder` is proved by a key. `caller` is from the kernel. `by` is only the client's own claim. */
export function describeHolder(holder: Holder | null | undefined): Detail {
  return holder === null || holder === undefined ? {} : { holder: { ...holder } };
}

export function describeCaller(caller: CallerProcess | null): Detail {
  if (caller === null) return { caller: null };
  const { pid, uid, login, program } = caller;
  return { caller: { pid, uid, login, program } };
}
