/**
 * The text of nats-server.conf: the users, and the two subjects that each of them may use.
 *
 * NATS allows every subject that no list mentions. So every user has both lists, and the default denies everything.
 * Only options of nats-server 2.9 are used. The clients require TLS 1.3, because this server has no such option.
 */
import { createHash } from 'node:crypto';
import { adminBucketSubjects, brokerBucketSubjects } from '../bucket/subjects.ts';
import { JETSTREAM_BYTES, MAX_PAYLOAD_BYTES, MAX_PENDING_BYTES } from '../limits.ts';
import { brokerSubjects, domainSubjects } from '../subjects.ts';

export interface ServerUser {
  readonly name: string;
  /** Public nkey. */
  readonly nkey: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface ServerSetup {
  readonly listen: string;
  /** Null: plain TCP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly pidFile: string;
  /** Directory of JetStream, which holds the bucket of policies. Null: the server has no JetStream. */
  readonly store: string | null;
  readonly users: readonly ServerUser[];
}

/** Connections in addition to one per domain at each end: those between brokers, and some that are being replaced. */
const SPARE_CONNECTIONS = 64;

export function domainUser(broker: string, name: string, nkey: string): ServerUser {
  const { up, down } = domainSubjects(broker, name);
  return { name, nkey, publish: [up], subscribe: [down] };
}

/**
 * A broker can receive from and send to its own domains and other brokers, but cannot send in the name of any of them.
 */
export function brokerUser(name: string, nkey: string, others: readonly string[], hasBucket: boolean): ServerUser {
  const own = domainSubjects(name, '*');
  const publish = [own.down];
  const subscribe = [own.up];
  for (const { up, down, dialled } of others.map((other) => brokerSubjects(name, other))) {
    publish.push(dialled === name ? down : up);
    subscribe.push(dialled === name ? up : down);
  }
  if (hasBucket) {
    const bucket = brokerBucketSubjects(name);
    publish.push(...bucket.publish);
    subscribe.push(...bucket.subscribe);
  }
  return { name, nkey, publish, subscribe };
}

/** A person who publishes policies. */
export function adminUser(name: string, nkey: string): ServerUser {
  return { name, nkey, ...adminBucketSubjects(name) };
}

export function renderServerConfig({ listen, tls, pidFile, store, users }: ServerSetup): string {
  const lines = [
    '# Written by "argus nats config". Changes made here are lost when it runs again.',
    `listen: ${quoted(listen)}`,
    `server_name: ${quoted(`argus-${createHash('sha256').update(pidFile).digest('hex').slice(0, 12)}`)}`,
    `pid_file: ${quoted(pidFile)}`,
    '',
    '# One fragment of a record, its header, and slack; a reader that keeps to its window never fills its pending buffer.',
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    `max_pending: ${MAX_PENDING_BYTES}`,
    'max_control_line: 1024',
    `max_connections: ${2 * users.length + SPARE_CONNECTIONS}`,
    'max_subscriptions: 2',
    'write_deadline: "2s"',
    'ping_interval: "10s"',
    'ping_max: 2',
    'no_header_support: true',
    '',
    ...(tls === null ? [PLAIN] : renderTls(tls)),
    '',
    ...(store === null ? [] : renderStore(store)),
    '# No user without a key: there is no no_auth_user. No deny lists but the default: an allow-list says all there is.',
    'authorization {',
    '  timeout: 3',
    '  default_permissions = { publish: { deny: ">" }, subscribe: { deny: ">" } }',
    '  users = [',
    ...users.map(renderUser),
    '  ]',
    '}',
    '',
  ];
  return lines.join('\n');
}

const PLAIN = '# Plain TCP, as asked for: records are sealed all the same; who talks to whom can be seen on the way.';

function renderTls({ cert, key }: { readonly cert: string; readonly key: string }): readonly string[] {
  return ['tls {', `  cert_file: ${quoted(cert)}`, `  key_file: ${quoted(key)}`, '  timeout: 3', '}'];
}

function renderStore(store: string): readonly string[] {
  return [
    '# Only for the bucket of policies. No user may delete it, and only admins may write bundles into it.',
    'jetstream {',
    `  store_dir: ${quoted(store)}`,
    '  max_memory_store: 0',
    `  max_file_store: ${JETSTREAM_BYTES}`,
    '}',
    '',
  ];
}

function renderUser({ name, nkey, publish, subscribe }: ServerUser): string {
  const list = (subjects: readonly string[]): string => `[${subjects.map(quoted).join(', ')}]`;
  const permissions = `{ publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } }`;
  return `    # ${name}\n    { nkey: ${nkey}, permissions: ${permissions} }`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
