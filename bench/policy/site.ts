/** A broker under a long policy, with two streams through it: one that is always allowed, one by a grant. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { loadClient } from '../arms/argus-package.ts';
import { startRoleServer } from '../arms/server-process.ts';
import { type PolicyShape, shapeFiles } from './compile.ts';

const TTL_SECONDS = 24 * 3600;
const RING_BYTES = 4 * 1024 * 1024;
const SEND_DEADLINE_MS = 5_000;
const STEADY_PORT = 7_000;
const GRANTED_PORT = 8_000;
/** With the three of the streams, 502 domains. */
const OTHERS = 499;
/** With the two of the streams, 50 labels. */
const OTHER_LABELS = 48;
export const PAYLOAD_BYTES = 64;
export const LABEL = '@live';
export const GRANTED = 'granted';

/** Counts what one stream delivered. */
export interface Stream {
  send(): void;
  delivered: number;
  /** performance.now() of the last delivery. */
  lastAt: number;
  /** The longest time between two deliveries since it was set to zero. */
  longestGapMs: number;
}

export interface PolicySite {
  /** Of the policy. */
  readonly directory: string;
  readonly control: string;
  readonly steady: Stream;
  readonly granted: Stream;
  stop(): Promise<void>;
}

const STREAM_ROWS = [
  'p, @bench, broker, argo, enable, allow\n',
  'p, @bench, @bench, argo, *, allow\n',
  'p, steady, sink, data, send, allow\n',
  `p, ${LABEL}, sink, unclassified, send, allow\n`,
];

/** 502 domains, 50 labels and one assertion, as promised; 54 rows are about labels and streams, the others about pairs. */
export function longPolicy(rows: number): PolicyShape {
  const labels = Array.from({ length: OTHER_LABELS }, (_, index) => `@l${index}`);
  const labelled = labels.map(
    (label, index) => `p, ${label}, ${labels[(index + 1) % OTHER_LABELS]}, data, send, allow\n`,
  );
  const pairs = Array.from({ length: rows - OTHER_LABELS - STREAM_ROWS.length }, (_, index) => {
    const from = index % OTHERS;
    return `p, vm-${from}, vm-${(from + 1 + Math.floor(index / OTHERS)) % OTHERS}, argo, send, allow\n`;
  });
  const declared = labels.map((label) => `  - { name: "${label}" }\n`);
  const entries = Array.from(
    { length: OTHERS },
    (_, index) => `  - { name: vm-${index}, domid: ${100 + index}, labels: ["${labels[index % OTHER_LABELS]}"] }\n`,
  );
  return {
    name: `${rows} rows`,
    promisedMs: 0,
    domains: `labels:\n  - { name: "@bench" }\n  - { name: "${LABEL}", grantable: true }\n${declared.join('')}domains:\n  - { name: steady, domid: 1, labels: ["@bench"] }\n  - { name: ${GRANTED}, domid: 2, labels: ["@bench"] }\n  - { name: sink, domid: 3, labels: ["@bench"] }\n${entries.join('')}`,
    policy: [...pairs, ...labelled, ...STREAM_ROWS].join(''),
    assertions: 'neverallow, vm-0, @any, unclassified, send\n',
  };
}

export async function openPolicySite(folder: string, rows: number): Promise<PolicySite> {
  const at = (name: string): string => join(folder, name);
  await mkdir(at('policy'), { recursive: true, mode: 0o700 });
  const files = await shapeFiles(longPolicy(rows));
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(at('policy'), name), bytes, { mode: 0o600 });
  const authority = await createAuthority(at('authority'), 'unsealed');
  await issueIdentity(authority, at('broker'), { name: 'broker', role: 'broker', ttlSeconds: TTL_SECONDS }, 'unsealed');
  for (const name of ['steady', GRANTED, 'sink'])
    await issueIdentity(authority, at(name), { name, role: 'domain', ttlSeconds: TTL_SECONDS }, 'unsealed');
  const config = { identity: at('broker'), policy: at('policy'), audit: at('audit'), runtime: at('run') };
  const server = await startRoleServer('argus-broker.ts', { ...config, watchPolicy: false, log: { level: 'error' } });
  const { connect } = await loadClient();
  const open = (name: string) => connect({ carrier: `unix:${at('run')}/${name}.sock`, identity: at(name) });
  const [sink, steady, granted] = await Promise.all([open('sink'), open('steady'), open(GRANTED)]);
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const streamTo = async (source: typeof sink, from: string, port: number): Promise<Stream> => {
    const stream: Stream = {
      delivered: 0,
      lastAt: performance.now(),
      longestGapMs: 0,
      send: () => {
        // A denial is what the granted stream waits for.
        source.sendv({ to: { domain: 'sink', port }, iov: payload, deadline: SEND_DEADLINE_MS }).catch(() => undefined);
      },
    };
    const ring = await sink.registerRing({ port, partner: from, length: RING_BYTES });
    void ring.consume(() => {
      const now = performance.now();
      stream.longestGapMs = Math.max(stream.longestGapMs, now - stream.lastAt);
      stream.lastAt = now;
      stream.delivered++;
    });
    return stream;
  };
  return {
    directory: at('policy'),
    control: join(at('run'), 'control.sock'),
    steady: await streamTo(steady, 'steady', STEADY_PORT),
    granted: await streamTo(granted, GRANTED, GRANTED_PORT),
    // The sessions first: a domain whose broker is gone dials again and again, and keeps the process alive.
    stop: async () => {
      await Promise.all([sink, steady, granted].map((vm) => vm.close()));
      await server.stop();
    },
  };
}
