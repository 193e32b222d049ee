/** The client of the control socket, for `argus status` and similar commands. */
import { Agent, request } from 'node:http';
import { type Identity, loadIdentity } from '../../keys/index.ts';
import { BrokerError } from '../process/index.ts';
import { CHALLENGE_PATH, digestOf, proofHeaders } from './proof.ts';

/** A call waits this long for its answer. A busy broker answers within a few milliseconds, a frozen one never. */
const CONTROL_TIMEOUT_MS = 10_000;

/** Names the directory of the key that signs requests; `argus --as DIR` sets it. */
const AS_VARIABLE = 'ARGUS_AS';

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
}

/**
 * Makes one call, and returns the parsed body of the answer. With `ARGUS_AS` the key of that directory signs it.
 *
 * @throws BrokerError ERR_BROKER_NOT_RUNNING: nothing listens there; ERR_BROKER_CONTROL_ACCESS: this user may not connect;
 * ERR_BROKER_CONTROL_KEY, ERR_BROKER_CONTROL_ROLE: the broker wants another key; ERR_BROKER_TIMEOUT: no answer in time;
 * ERR_BROKER_CONTROL: an answer that is not JSON, or none. KeyError ERR_KEY_…: the directory of the key is not in order
 */
export async function callControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  timeoutMs = CONTROL_TIMEOUT_MS,
): Promise<{ ok: boolean; body: unknown }> {
  const call: Call = { method, path, body: body === undefined ? '' : JSON.stringify(body) };
  const directory = process.env[AS_VARIABLE];
  const identity = directory === undefined || directory === '' ? null : await loadIdentity(directory);
  // A challenge belongs to its connection.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const ask = (each: Call, headers: Headers = {}) => exchange(agent, socketPath, each, headers, timeoutMs);
    const answer = await ask(call, identity === null ? {} : await signed(identity, call, ask));
    const { code, message } = (answer.body ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    if (code === 'ERR_CONTROL_KEY') throw new BrokerError('ERR_BROKER_CONTROL_KEY', String(message));
    if (code === 'ERR_CONTROL_ROLE') throw new BrokerError('ERR_BROKER_CONTROL_ROLE', String(message));
    return answer;
  } finally {
    agent.destroy();
  }
}

type Headers = Readonly<Record<string, string>>;
type Answer = Promise<{ ok: boolean; body: unknown }>;

async function signed(identity: Identity, call: Call, ask: (call: Call) => Answer): Promise<Headers> {
  const { ok, body } = await ask({ method: 'GET', path: CHALLENGE_PATH, body: '' });
  const { challenge } = body as { readonly challenge?: unknown };
  // A broker of an earlier version knows no keys here: the mode of its socket decides.
  if (!ok || typeof challenge !== 'string') return {};
  const { method, path } = call;
  return proofHeaders(identity, { challenge, method, path, body: digestOf(Buffer.from(call.body)) });
}

function exchange(agent: Agent, socketPath: string, call: Call, headers: Headers, timeoutMs: number): Answer {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      clearTimeout(timeout);
      reject(failureOf(cause, socketPath, timeoutMs));
    };
    const { method, path, body } = call;
    const timeout = setTimeout(() => sent.destroy(new TimedOut()), timeoutMs);
    const sent = request({ socketPath, method, path, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // The broker ended, or was too slow, in the middle of its answer.
      response.on('error', fail);
      response.on('end', () => {
        clearTimeout(timeout);
        try {
          resolve({ ok: response.statusCode === 200, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
        } catch (cause) {
          const message = `"${socketPath}" answered with something else than JSON`;
          reject(new BrokerError('ERR_BROKER_CONTROL', message, { cause }));
        }
      });
    });
    sent.on('error', fail);
    sent.end(body === '' ? undefined : body);
  });
}

/** Without permission to connect, the broker may still be running. So these errors have different codes. */
export function unreachable(path: string, cause: NodeJS.ErrnoException): BrokerError {
  const where = `the control socket "${path}"`;
  if (cause.code === 'EACCES' || cause.code === 'EPERM')
    return new BrokerError(
      'ERR_BROKER_CONTROL_ACCESS',
      `this user may not use ${where}; run the command as the broker's user, or as root`,
      { cause },
    );
  if (cause.code === 'ENOENT')
    return new BrokerError(
      'ERR_BROKER_NOT_RUNNING',
      `there is no control socket "${path}"; start the broker, or name its socket with --control or ARGUS_CONTROL`,
      { cause },
    );
  if (cause.code === 'ECONNREFUSED')
    return new BrokerError('ERR_BROKER_NOT_RUNNING', `no broker listens at ${where}; start it`, { cause });
  if (cause.code === 'ENOTSOCK' || cause.code === 'ENOTDIR')
    return new BrokerError('ERR_BROKER_NOT_RUNNING', `"${path}" is not a socket; name the control socket`, { cause });
  return new BrokerError('ERR_BROKER_CONTROL', `${where} gave no answer (${cause.code ?? 'unknown error'})`, { cause });
}

function failureOf(cause: Error, socketPath: string, timeoutMs: number): BrokerError {
  if (!(cause instanceof TimedOut)) return unreachable(socketPath, cause);
  const message = `the broker at "${socketPath}" did not answer within ${timeoutMs / 1_000} s: it is stopped or overloaded; what was asked for may still be done`;
  return new BrokerError('ERR_BROKER_TIMEOUT', message, { cause });
}

/** This end closed the connection, not the network. */
class TimedOut extends Error {}
