/** The bucket of policies on a NATS server: values by key, one version of each. What it answers is not authenticated. */
import * as z from 'zod';
import type { Clock } from '../../../base/index.ts';
import { parseJson } from '../admin/files.ts';
import { NatsCarrierError } from '../errors.ts';
import { BUCKET_BYTES, MAX_PAYLOAD_BYTES } from '../limits.ts';
import { openLine } from '../line/server-connection.ts';
import type { NatsEnd } from '../listen.ts';
import { NOTICE, RequestLine } from './request-line.ts';
import {
  type BucketRole,
  brokerBucketSubjects,
  CREATE_SUBJECT,
  INFO_SUBJECT,
  inboxOf,
  PUBLISHED_SUBJECT,
  putSubject,
  readSubject,
  STREAM,
} from './subjects.ts';

export interface Bucket {
  /** Null: there is no such key. @throws NatsCarrierError */
  read(key: string): Promise<Uint8Array | null>;
  /** Resolves when the server has stored it. @throws NatsCarrierError */
  write(key: string, value: Uint8Array): Promise<void>;
  /** The keys that begin with `prefix` and a dot. Only an admin may ask. @throws NatsCarrierError */
  keys(prefix: string): Promise<string[]>;
  /** Makes the bucket if it does not exist. Only an admin may. @throws NatsCarrierError */
  make(): Promise<void>;
  /** Notifies the brokers of a new bundle. Only an admin may. */
  announce(): void;
  close(): void;
}

export interface BucketHandlers {
  /** An admin has published a bundle, as the server says. */
  onPublished(): void;
  /** The line has ended, also after `close`. */
  onClosed(): void;
}

const errorMember = z.object({ error: z.object({ description: z.string() }) });
const storedAnswer = z.object({ stream: z.literal(STREAM), seq: z.number() });
const infoAnswer = z.object({ state: z.object({ subjects: z.record(z.string(), z.number()).nullish() }) });
const createdAnswer = z.object({ config: z.object({ name: z.literal(STREAM) }) });

const NOTHING = new Uint8Array(0);
/** One version of each key. Nothing can be deleted, only replaced; nobody has the permission to delete the whole. */
const SETTINGS = {
  name: STREAM,
  subjects: [putSubject('>')],
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  max_msgs_per_subject: 1,
  max_msgs: -1,
  max_consumers: -1,
  max_bytes: BUCKET_BYTES,
  max_msg_size: MAX_PAYLOAD_BYTES,
  max_age: 0,
  num_replicas: 1,
  allow_direct: true,
  allow_rollup_hdrs: true,
  deny_delete: true,
};

/** @throws NatsCarrierError ERR_NATS_UNREACHABLE, _TLS, _AUTH, _DENIED */
export async function openBucket(
  end: NatsEnd,
  { role, name }: { readonly role: BucketRole; readonly name: string },
  clock: Pick<Clock, 'after'>,
  handlers: BucketHandlers,
): Promise<Bucket> {
  const subscriptions = role === 'broker' ? brokerBucketSubjects(name).subscribe : [`${inboxOf(role, name)}.*`];
  const notice = Buffer.from(NOTICE);
  // The line is open before the first request, and messages before it answer nothing.
  let requests: RequestLine | null = null;
  const line = await openLine({ ...end, name: `${name} policies`, pace: null }, subscriptions, {
    onMessage: (message) => {
      if (notice.equals(message)) handlers.onPublished();
      else requests?.receive(message);
    },
    onClosed: (error) => {
      requests?.ended(error);
      handlers.onClosed();
    },
  });
  requests = new RequestLine(line, inboxOf(role, name), clock);
  return bucketOver(requests, () => line.close());
}

/** The requests of the JetStream API, over any line. */
export function bucketOver(requests: Pick<RequestLine, 'request' | 'notify'>, close: () => void): Bucket {
  const ask = async <T>(subject: string, body: object, shape: z.ZodType<T>): Promise<T> =>
    answered(subject, await requests.request(subject, Buffer.from(JSON.stringify(body))), shape);
  return {
    read: async (key) => {
      // A missing key is answered with headers alone. Without header support nothing is left of them.
      const value = await requests.request(readSubject(key), NOTHING);
      return value.length === 0 ? null : value;
    },
    write: async (key, value) => {
      const subject = putSubject(key);
      answered(subject, await requests.request(subject, value), storedAnswer);
    },
    keys: async (prefix) => {
      const body = { subjects_filter: putSubject(`${prefix}.>`) };
      const { state } = await ask(INFO_SUBJECT, body, infoAnswer);
      const start = putSubject('');
      return Object.keys(state.subjects ?? {})
        .filter((subject) => subject.startsWith(start))
        .map((subject) => subject.slice(start.length));
    },
    make: async () => {
      await ask(CREATE_SUBJECT, SETTINGS, createdAnswer);
    },
    announce: () => requests.notify(PUBLISHED_SUBJECT),
    close,
  };
}

function answered<T>(subject: string, answer: Uint8Array, shape: z.ZodType<T>): T {
  const json = parseJson(Buffer.from(answer).toString('utf8'));
  const failed = errorMember.safeParse(json);
  if (failed.success)
    throw new NatsCarrierError('ERR_NATS_DENIED', `the server refused "${subject}": ${failed.data.error.description}`);
  const parsed = shape.safeParse(json);
  if (!parsed.success)
    throw new NatsCarrierError('ERR_NATS_STREAM', `the server's answer to "${subject}" is not understood`);
  return parsed.data;
}
