/**
 * The way to a syslog receiver over TLS (RFC 5425).
 *
 * Syslog has no acknowledgement. So each batch has a connection of its own, which this end closes in order after the
 * last message. The receiver's system closes its half only when the receiver has read everything up to that end: a
 * receiver that goes away with unread messages resets the connection. Only the orderly end counts as delivered.
 */
import { connect } from 'node:tls';
import { StreamError, unreachable } from './errors.ts';
import { DELIVERY_MS } from './limits.ts';
import type { StreamTarget } from './stream.ts';
import { syslogFrames } from './syslog-message.ts';
import type { TlsOptions } from './tls.ts';

export interface SyslogAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export function syslogTarget({ name, host, port }: SyslogAddress, tls: TlsOptions): StreamTarget {
  return {
    name,
    deliver: async (records, _, signal) => {
      await send(name, { host, port, ...tls }, syslogFrames(records), signal);
      return { rejected: 0, note: null, receiver: null };
    },
    close: async () => undefined,
  };
}

function send(
  name: string,
  options: { readonly host: string; readonly port: number } & TlsOptions,
  frames: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    let isAllSent = false;
    const fail = (error: StreamError): void => {
      socket.destroy();
      reject(error);
    };
    const stop = (): void => fail(new StreamError('ERR_STREAM_UNREACHABLE', `${name}: stopped`));
    signal.addEventListener('abort', stop, { once: true });
    socket.setTimeout(DELIVERY_MS, () =>
      fail(new StreamError('ERR_STREAM_UNREACHABLE', `${name}: it does not end the connection after the last message`)),
    );
    socket.once('error', (cause) => fail(unreachable(name, cause)));
    socket.once('finish', () => {
      isAllSent = true;
    });
    socket.once('close', () => {
      signal.removeEventListener('abort', stop);
      if (isAllSent) resolve();
      else fail(new StreamError('ERR_STREAM_UNREACHABLE', `${name}: it ended the connection before the last message`));
    });
    // What a receiver says is not part of the protocol. It is read, because the end of the connection comes after it.
    socket.resume();
    socket.once('secureConnect', () => socket.end(frames));
  });
}
