/**
 * One connection to a NATS server, and its few subscriptions. Only this file uses the client library's connection.
 *
 * It never reconnects by itself: messages in transit are lost when it breaks, and its user must know that. The library
 * is loaded when the first line is opened, so that programs without a NATS server do not load it.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { NatsConnection } from 'nats';
import { NatsCarrierError, type NatsErrorCode } from '../errors.ts';
import {
  CONNECT_TIMEOUT_MS,
  PLAIN_FRAGMENT_BYTES,
  SERVER_PING_MS,
  SERVER_PINGS_UNANSWERED,
  TLS_FRAGMENT_BYTES,
} from '../limits.ts';
import { MESSAGE_HEADER_BYTES, type Publisher } from '../pipe/message.ts';
import type { LinePace } from './line-reader.ts';
import { DirectTransport, type DirectTransportOptions } from './transport.ts';

export interface LineOptions {
  readonly host: string;
  readonly tcpPort: number;
  readonly seed: Uint8Array;
  /** PEM of the CA that signed the server's certificate. Null: plain TCP; the records are sealed in any case. */
  readonly ca: string | null;
  /** Shown in the server's log. */
  readonly name: string;
  /** Makes the job that pays for reading; null in a process that serves only this line. */
  readonly pace: LinePace | null;
}

export interface ServerConnectionOptions extends LineOptions {
  readonly publish: string;
  readonly subscribe: string;
}

export interface ServerConnectionHandlers {
  /** The message is valid only during the call. */
  onMessage(message: Uint8Array): void;
  /** Called once, also after `close`. */
  onClosed(error: NatsCarrierError | null): void;
}

export interface ServerConnection extends Publisher {
  /** Largest piece of a pipe that fits into one message of this server. */
  readonly fragmentBytes: number;
  /** Published bytes that the kernel has not taken, because the server does not read. */
  readonly waitingBytes: number;
  /** Sends all published messages, then closes. */
  close(): void;
}

/** A connection whose key and subscriptions the server has accepted. */
export interface ServerLine {
  /** Bytes of the largest message that the server takes, and that we accept. */
  readonly maxPayload: number;
  readonly waitingBytes: number;
  /** `head`: "PUB subject " or "PUB subject reply-subject ". Does nothing when the connection is gone. */
  publish(head: string, length: number, write: (message: Uint8Array) => void): void;
  close(): void;
}

/**
 * Resolves when the server has accepted the key and the subscription.
 *
 * @throws NatsCarrierError ERR_NATS_UNREACHABLE, _TLS, _AUTH, _DENIED
 */
export async function connectServer(
  options: ServerConnectionOptions,
  handlers: ServerConnectionHandlers,
): Promise<ServerConnection> {
  const line = await openLine(options, [options.subscribe], handlers);
  const head = `PUB ${options.publish} `;
  const fragmentBytes = options.ca === null ? PLAIN_FRAGMENT_BYTES : TLS_FRAGMENT_BYTES;
  return {
    // Another operator's server may have a smaller limit.
    fragmentBytes: Math.min(fragmentBytes, line.maxPayload - MESSAGE_HEADER_BYTES),
    get waitingBytes() {
      return line.waitingBytes;
    },
    publish: (length, write) => line.publish(head, length, write),
    close: () => line.close(),
  };
}

/**
 * Resolves when the server has accepted the key and the subscriptions. `onMessage` does not say which of them a message
 * came by.
 *
 * @throws NatsCarrierError ERR_NATS_UNREACHABLE, _TLS, _AUTH, _DENIED
 */
export async function openLine(
  options: LineOptions,
  subscriptions: readonly string[],
  handlers: ServerConnectionHandlers,
): Promise<ServerLine> {
  const { host, tcpPort } = options;
  const where = `nats server ${host}:${tcpPort}`;
  const { connection, transport } = await dial(options, handlers, where);
  let failure: NatsCarrierError | null = null;
  const fail = (error: NatsCarrierError): void => {
    failure ??= error;
    void connection.close();
  };
  void watch(connection, (error) => fail(error));
  for (const subject of subscriptions)
    connection.subscribe(subject, {
      // Messages bypass the library, so this callback gets only errors.
      callback: (error) => {
        if (error !== null) fail(denied(`subscription to "${subject}"`, error));
      },
    });
  // The answer to a flush comes after any error about the subscriptions.
  await flushed(connection);
  if (failure !== null) throw failure;
  if (connection.isClosed()) throw new NatsCarrierError('ERR_NATS_LOST', `${where} ended the connection`);
  void connection.closed().then((error) => {
    if (failure === null && error instanceof Error) failure = lost(where, error);
    handlers.onClosed(failure);
  });
  return {
    maxPayload: transport.maxPayload,
    get waitingBytes() {
      return transport.waitingBytes;
    },
    publish: (head, length, write) => {
      if (!connection.isClosed()) transport.publish(head, length, write);
    },
    close: () => void drain(connection),
  };
}

interface Dialled {
  readonly connection: NatsConnection;
  readonly transport: DirectTransport;
}

async function dial(options: LineOptions, { onMessage }: ServerConnectionHandlers, where: string): Promise<Dialled> {
  const { host, tcpPort, seed, ca, name, pace } = options;
  const { NatsConnectionImpl, nkeyAuthenticator, setTransportFactory } = await import(
    'nats/lib/nats-base-client/internal_mod.js'
  );
  const transports: DirectTransport[] = [];
  const settings: DirectTransportOptions = {
    servers: host.includes(':') ? `[${host}]:${tcpPort}` : `${host}:${tcpPort}`,
    name,
    authenticator: nkeyAuthenticator(seed),
    reconnect: false,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: SERVER_PING_MS,
    maxPingOut: SERVER_PINGS_UNANSWERED,
    // The operator chose the address. A server must not redirect us to another one.
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    direct: {
      host,
      secure: ca === null ? null : { ca, ...strictTls(host) },
      pace,
      onTransport: (transport) => transports.push(transport),
      onMessage: (message) => onMessage(message),
    },
  };
  // The library has one factory per process. The options tell a transport which line it serves.
  setTransportFactory({ factory: () => new DirectTransport() });
  try {
    const connection = await NatsConnectionImpl.connect(settings);
    const transport = transports.at(-1);
    if (transport === undefined) throw new NatsCarrierError('ERR_NATS_LOST', 'the client library made no transport');
    return { connection, transport };
  } catch (cause) {
    if (cause instanceof NatsCarrierError)
      throw new NatsCarrierError(cause.code, `${where}: ${cause.message}`, { cause });
    throw new NatsCarrierError(codeOf(cause), `${where}: ${hintOf(cause)}`, { cause });
  }
}

/** Values of the library's ErrorCode and Events: this file must not load the library for them. */
const Code = {
  denied: 'PERMISSIONS_VIOLATION',
  unauthorised: 'AUTHORIZATION_VIOLATION',
  badAuthentication: 'BAD_AUTHENTICATION',
  tls: 'TLS',
  noTls: 'SERVER_OPT_NA',
} as const;
const STATUS_ERROR = 'error';

/**
 * The library passes these options on to Node, although its types have only the files. Without them it compares the
 * certificate of a server that is given by address with "localhost".
 */
function strictTls(host: string): object {
  return {
    minVersion: 'TLSv1.3',
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate),
  };
}

/** Watches the status events. A denied publish is reported only there. */
async function watch(connection: NatsConnection, fail: (error: NatsCarrierError) => void): Promise<void> {
  for await (const { type, data, permissionContext } of connection.status()) {
    if (type !== STATUS_ERROR) continue;
    if (permissionContext !== undefined) fail(denied(`${permissionContext.operation} "${permissionContext.subject}"`));
    else if (String(data) === Code.denied) fail(denied('a subject'));
    else fail(new NatsCarrierError('ERR_NATS_LOST', `the nats server ended the connection: ${String(data)}`));
  }
}

function denied(what: string, cause?: unknown): NatsCarrierError {
  const message = `the nats server denied ${what}; is the domain enrolled there? (argus nats config)`;
  return new NatsCarrierError('ERR_NATS_DENIED', message, { cause });
}

function lost(where: string, cause: Error): NatsCarrierError {
  return new NatsCarrierError('ERR_NATS_LOST', `${where}: the connection ended (${cause.message})`, { cause });
}

/** Also waits for the end of the connection: if it is closed during a flush, the flush never settles. */
async function flushed(connection: NatsConnection): Promise<void> {
  await Promise.race([connection.flush().catch(() => {}), connection.closed()]);
}

async function drain(connection: NatsConnection): Promise<void> {
  // If the server is gone it cannot take the rest. The connection is closed in any case.
  await flushed(connection);
  await connection.close().catch(() => {});
}

function codeOf(cause: unknown): NatsErrorCode {
  const code = errnoOf(cause);
  if (code === Code.unauthorised || code === Code.badAuthentication) return 'ERR_NATS_AUTH';
  if (code === Code.tls || code === Code.noTls) return 'ERR_NATS_TLS';
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return 'ERR_NATS_TLS';
  return 'ERR_NATS_UNREACHABLE';
}

function hintOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ERR_NATS_AUTH':
      return 'it does not know our nkey, or has revoked it; enrol it there: argus nats enrol';
    case 'ERR_NATS_TLS':
      return `its certificate was not accepted (${errnoOf(cause)}); install the CA that "argus nats config" made`;
    default:
      return `not reached (${errnoOf(cause) || 'no answer'}); is it running, and is this its address?`;
  }
}

function errnoOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
