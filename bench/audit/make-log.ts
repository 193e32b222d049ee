/** A log of any length as a broker writes it: linked records in segments of 64 MiB, of a host with 40 VMs. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBody, encodeLine, hashLine } from '../../broker/audit/chain.ts';
import { DEFAULT_SEGMENT_BYTES, ZERO_HASH } from '../../broker/audit/limits.ts';

const VMS = 40;
const SERVICES = ['audio-vm', 'net-vm', 'db-vm', 'backup-vm'];
const CLASSES = [
  { name: 'audio-playback', port: 4713 },
  { name: 'ethernet', port: 6000 },
  { name: 'data', port: 5000 },
] as const;
/** One in so many is a denial, and one in so many opens a session. */
const DENIED = 50;
const OPENED = 1_000;
const WRITE_LINES = 4_096;
/** 2026-11-01. */
const BEGIN = Date.UTC(2026, 10, 1);
const STEP_MS = 25;

function party(name: string, domid: number, label: string): object {
  return { domain: name, domid, labels: [label] };
}

/** The body of record `seq`. The same for the same number. */
function bodyOf(seq: number): string {
  // Knuth's multiplicative hash: pairs are mixed without a generator that would cost more than the record.
  const mix = Math.imul(seq, 2_654_435_761) >>> 0;
  const source = party(`app-${mix % VMS}`, 100 + (mix % VMS), '@app');
  const service = (mix >>> 8) % SERVICES.length;
  const target = party(SERVICES[service] ?? '', 1 + service, '@service');
  const base = {
    time: new Date(BEGIN + seq * STEP_MS).toISOString(),
    mono: seq * STEP_MS,
    boot: 'a1b2c3d4e5f60718',
    broker: 'host-1',
  };
  const decided = { revision: 3, policy: '61e02bcdea1dce70', session: `s-${mix % VMS}` };
  if (seq === 1) return json({ ...base, event: 'broker.start', code: 'A1001I', detail: { version: '0' } });
  if (seq % OPENED === 0)
    return json({ ...base, event: 'session.open', code: 'A2001I', src: source, session: `s-${mix % VMS}` });
  if (seq % DENIED === 0) {
    const denied = { event: 'send.denied', code: 'A4001W', decision: 'deny', reason: 'NO_RULE', src: source };
    const port = 1 + (mix % 9_000);
    return json({ ...base, ...denied, dst: target, port, class: 'argo', permission: 'send', bytes: 64, ...decided });
  }
  const { name, port } = CLASSES[(mix >>> 16) % CLASSES.length] ?? CLASSES[0];
  const allowed = { event: 'flow', code: 'A4003I', decision: 'allow', rule: { file: 'policy.csv', line: 8 } };
  const amount = { messages: 1 + (mix % 1_000), bytes: 1_764 * (1 + (mix % 1_000)) };
  return json({
    ...base,
    ...allowed,
    src: source,
    dst: target,
    port,
    class: name,
    permission: 'send',
    ...amount,
    ...decided,
  });
}

function json(body: object): string {
  return encodeBody(body as Parameters<typeof encodeBody>[0]);
}

/** Returns the bytes of the log. All of it is on the disk, so that nothing is measured next to its writing. */
export function makeLog(directory: string, records: number): number {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let [segment, written, total] = [0, Number.POSITIVE_INFINITY, 0];
  let file: number | null = null;
  let prev = ZERO_HASH;
  for (let seq = 1; seq <= records; ) {
    if (written >= DEFAULT_SEGMENT_BYTES || file === null) {
      if (file !== null) finish(file);
      segment += 1;
      written = 0;
      file = openSync(join(directory, `${String(segment).padStart(8, '0')}.jsonl`), 'wx', 0o600);
    }
    let text = '';
    for (let count = 0; count < WRITE_LINES && seq <= records; count++, seq++) {
      const line = encodeLine(seq, bodyOf(seq), prev);
      prev = hashLine(line);
      text += `${line}\n`;
    }
    const bytes = writeSync(file, text);
    written += bytes;
    total += bytes;
  }
  if (file !== null) finish(file);
  return total;
}

function finish(file: number): void {
  fdatasyncSync(file);
  closeSync(file);
}
