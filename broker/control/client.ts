/** The other end of the control socket, for `argus status` and its like. */
import { request } from 'node:http';
import { BrokerError } from '../process/index.ts';

/** One call; the parsed body. Throws ERR_BROKER_NOT_RUNNING when nobody listens, ERR_BROKER_CONTROL for a bad answer. */
export function callControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<{ ok: boolean; body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        try {
          resolve({ ok: response.statusCode === 200, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
        } catch (cause) {
          reject(
            new BrokerError('ERR_BROKER_CONTROL', `"${socketPath}" answered with something else than JSON`, { cause }),
          );
        }
      });
    });
    call.on('error', (cause) => {
      const message = `no broker answers at "${socketPath}" (${cause.message}); is it running, and is --control its runtime directory's control.sock?`;
      reject(new BrokerError('ERR_BROKER_NOT_RUNNING', message, { cause }));
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
