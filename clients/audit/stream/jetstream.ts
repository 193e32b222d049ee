/**
 * The way to a stream of NATS JetStream, with each record there exactly once.
 *
 * A record is published with its hash as `Nats-Msg-Id`, so within its window the server drops a record that comes
 * again. After a restart or a failure the window may be over. So the target remembers the place in the stream up to
 * which everything is there, and before it sends a batch again it looks which of its records came after that place.
 */
import type { JetStreamClient, JetStreamManager, NatsConnection, PubAck } from 'nats';
import { errnoOf, StreamError } from './errors.ts';
import { DELIVERY_MS, MAX_BATCH_RECORDS } from './limits.ts';
import type { StreamRecord } from './records.ts';
import type { StreamTarget } from './stream.ts';
import type { TlsOptions } from './tls.ts';

const MESSAGE_ID = 'Nats-Msg-Id';
const SEQUENCE = 'Argus-Seq';

export interface JetStreamAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Takes the records of this log alone. */
  readonly subject: string;
}

/** A connection that has found the stream of the subject. */
interface OpenStream {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly stream: string;
}

export function jetStreamTarget(address: JetStreamAddress, tls: TlsOptions | null, seed: string | null): StreamTarget {
  const { name, subject } = address;
  let open: OpenStream | null = null;
  /** False: records of the last delivery may be in the stream although the server has not said so. */
  let isSure = false;
  const discard = async (): Promise<void> => {
    const old = open;
    open = null;
    isSure = false;
    await old?.connection.close().catch(() => undefined);
  };
  return {
    name,
    deliver: async (records, receiver, signal) => {
      const stop = (): void => void discard();
      signal.addEventListener('abort', stop, { once: true });
      try {
        open ??= await openStream(address, tls, seed);
        const { client, manager, stream } = open;
        const through = Number(receiver ?? 0);
        const held = isSure ? new Map<string, number>() : await heldSince(manager, stream, subject, through);
        isSure = false;
        const { headers } = await import('nats');
        const places = await Promise.all(
          records.map(
            async (record) => held.get(record.hash) ?? (await publish(client, subject, record, headers())).seq,
          ),
        );
        isSure = true;
        return { rejected: 0, note: null, receiver: String(places.reduce((a, b) => Math.max(a, b), through)) };
      } catch (cause) {
        await discard();
        throw cause instanceof StreamError ? cause : failed(name, subject, cause);
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    close: discard,
  };
}

async function publish(
  client: JetStreamClient,
  subject: string,
  { line, hash, seq }: StreamRecord,
  headers: ReturnType<typeof import('nats').headers>,
): Promise<PubAck> {
  headers.set(SEQUENCE, String(seq));
  return client.publish(subject, Buffer.from(line), { msgID: hash, headers, timeout: DELIVERY_MS });
}

/** The records after a place of the stream, by hash, with their own places. At most a batch can be unacknowledged. */
async function heldSince(
  manager: JetStreamManager,
  stream: string,
  subject: string,
  through: number,
): Promise<Map<string, number>> {
  const held = new Map<string, number>();
  for (let [at, looked] = [through + 1, 0]; looked < MAX_BATCH_RECORDS; looked++) {
    const query = { seq: at, next_by_subj: subject };
    const message = await manager.streams.getMessage(stream, query).catch((error: unknown) => {
      if (isNoMessage(error)) return null;
      throw error;
    });
    if (message === null) break;
    held.set(message.header.get(MESSAGE_ID), message.seq);
    at = message.seq + 1;
  }
  return held;
}

/** The server has no message there: error 10037 of the JetStream API. */
function isNoMessage(error: unknown): boolean {
  const api = typeof error === 'object' && error !== null ? Reflect.get(error, 'api_error') : undefined;
  return typeof api === 'object' && api !== null && Reflect.get(api, 'err_code') === 10_037;
}

async function openStream(
  { host, port, subject }: JetStreamAddress,
  tls: TlsOptions | null,
  seed: string | null,
): Promise<OpenStream> {
  const { connect, nkeyAuthenticator } = await import('nats');
  const connection = await connect({
    servers: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    name: 'argus audit stream',
    reconnect: false,
    timeout: DELIVERY_MS,
    // The operator chose the address. A server must not redirect us to another one.
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    ...(seed === null ? {} : { authenticator: nkeyAuthenticator(Buffer.from(seed)) }),
    // The library passes them on to Node, although its types have only the names of files.
    ...(tls === null ? {} : { tls: { ...tls } }),
  });
  try {
    const manager = await connection.jetstreamManager();
    const stream = await manager.streams.find(subject);
    return { connection, client: connection.jetstream(), manager, stream };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

function failed(name: string, subject: string, cause: unknown): StreamError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = errnoOf(cause);
  const why = /no stream matches subject/.test(text)
    ? `no stream takes "${subject}"; make one, such as: nats stream add --subjects "${subject}"`
    : code === 'AUTHORIZATION_VIOLATION'
      ? 'it does not know the key; name its seed with --nats-seed'
      : code === '503'
        ? 'JetStream does not answer; is it enabled there?'
        : `not reached (${code === '' ? text : `${code}: ${text}`})`;
  return new StreamError('ERR_STREAM_UNREACHABLE', `${name}: ${why}`, { cause });
}
