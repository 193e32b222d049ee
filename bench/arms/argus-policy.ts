/** The policy directory of the argus arm: the few rows that the bench needs, and as many others as asked for. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SENDER = 'sender';
export const RECEIVER = 'receiver';
export const DATA_PORT = 7000;
export const ECHO_PORT = 7001;
export const REPLY_PORT = 7002;
/** About the size of a small site's policy. */
export const ORDINARY_ROWS = 10;

/** So many other domains that each of 10 000 further rows can speak of another pair of them. */
const OTHER_DOMAINS = 101;

const NEEDED_ROWS = [
  'p, @bench, broker, argo, enable, allow',
  'p, @bench, @bench, argo, register_single_source, allow',
  'p, @bench, @bench, argo, send, allow',
  `p, ${SENDER}, ${RECEIVER}, bench, send, allow`,
  `p, ${RECEIVER}, ${SENDER}, bench, send, allow`,
];

/** Further keys of the two domains in domains.yaml: `, carrier: nats`. */
export interface Places {
  readonly sender: string;
  readonly receiver: string;
}
const NOWHERE: Places = { sender: '', receiver: '' };

/** Writes the directory, with exactly `rows` policy rows; at least those that the bench needs. */
export async function writeBenchmarkPolicy(folder: string, rows: number, places: Places = NOWHERE): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  const model = fileURLToPath(new URL('../../policy/shipped/model.conf', import.meta.url));
  const files = {
    'policy.csv': [...NEEDED_ROWS, ...otherRows(rows - NEEDED_ROWS.length), ''].join('\n'),
    'domains.yaml': inventory(places),
    'services.yaml': SERVICES,
    'assertions.csv': '# none: nothing to protect here\n',
    'tests.csv': `${SENDER}, ${RECEIVER}, bench, send, allow\n`,
  };
  await Promise.all([
    cp(model, join(folder, 'model.conf')),
    ...Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text, { mode: 0o600 })),
  ]);
}

/** Rows of the class that every send is asked about, so that a look-up which scanned them would show. */
function otherRows(count: number): string[] {
  const rows: string[] = [];
  for (let from = 0; from < OTHER_DOMAINS; from++) {
    for (let to = 0; to < OTHER_DOMAINS && rows.length < count; to++) {
      if (from !== to) rows.push(`p, vm-${from}, vm-${to}, argo, send, allow`);
    }
  }
  return rows;
}

/** The same for every number of rows: only the rows may differ. */
function inventory({ sender, receiver }: Places): string {
  const others = Array.from({ length: OTHER_DOMAINS }, (_, i) => `  - { name: vm-${i}, domid: ${100 + i} }`);
  return [
    'labels:',
    '  - { name: "@bench" }',
    'domains:',
    `  - { name: ${SENDER}, domid: 1, labels: ["@bench"]${sender} }`,
    `  - { name: ${RECEIVER}, domid: 2, labels: ["@bench"]${receiver} }`,
    ...others,
    '',
  ].join('\n');
}

const SERVICES = `classes:
  - name: bench
    ports: [${DATA_PORT}, ${ECHO_PORT}, ${REPLY_PORT}]
    inspector: opaque
    permissions: [send]
    flow: to-destination
`;
