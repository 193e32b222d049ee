/** The client of the control socket, for `argus status` and similar commands. */
import { request } from 'node:http';
import { BrokerError } from '../process/index.ts';

/** A call waits this long for its answer. A busy broker answers within a few milliseconds, a frozen one never. */
const CONTROL_TIMEOUT_MS = 10_000;

/**
 * Makes one call, and returns the parsed body of the answer.
 *
 * @throws BrokerError ERR_BROKER_NOT_RUNNING: nothing listens there; ERR_BROKER_CONTROL_ACCESS: this user may not connect;
 * ERR_BROKER_TIMEOUT: no answer in time; ERR_BROKER_CONTROL: an answer that is not JSON, or none
 */
export function callControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  timeoutMs = CONTROL_TIMEOUT_MS,
): Promise<{ ok: boolean; body: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      clearTimeout(timeout);
      reject(failureOf(cause, socketPath, timeoutMs));
    };
    const timeout = setTimeout(() => call.destroy(new TimedOut()), timeoutMs);
    const call = request({ socketPath, method, path, agent: false }, (response) => {
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
    call.on('error', fail);
    call.end(body === undefined ? undefined : JSON.stringify(body));
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
