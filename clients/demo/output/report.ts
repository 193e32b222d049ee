/** The summary that the demo prints at its end. */
import Table from 'cli-table3';
import type { AuditSummary } from '../audit-summary.ts';
import type { Seen } from '../carriers/nats.ts';
import type { AttackResult } from '../roles/messages.ts';
import type { DemoVerdict } from '../verdict.ts';

export interface Summary extends DemoVerdict {
  /** Messages of 10 ms that audio-vm heard. */
  readonly frames: number;
  /** Messages that chrome-vm's audio endpoint could not send. */
  readonly lost: number;
  readonly carrier: 'unix' | 'nats';
  /** The observations of the NATS server. Null without a server. */
  readonly server: Seen | null;
  readonly seconds: number;
  readonly latency: { readonly p50Micros: number; readonly p99Micros: number };
  readonly attacks: readonly AttackResult[];
  readonly audit: AuditSummary;
  /** WAV file of the sound that audio-vm heard; null when it was not kept. */
  readonly heard: string | null;
}

export function printSummary(summary: Summary, asJson: boolean): void {
  process.stdout.write(asJson ? `${JSON.stringify(summary)}\n` : renderSummary(summary));
}

/** The summary as text, with a line break before and after it. */
export function renderSummary(summary: Summary): string {
  const { samples, audit, latency } = summary;
  const attacks = new Table({ head: ['rogue-vm tried to', 'refused', 'how'], ...tableStyle(process.stdout) });
  for (const { name, refused, how } of summary.attacks) attacks.push([name, refused ? 'yes' : 'NO', how]);
  return [
    '',
    `${summary.frames} frames (${summary.audioSeconds} s of audio) in ${summary.seconds} s, latency p50 ${(latency.p50Micros / 1_000).toFixed(1)} ms, p99 ${(latency.p99Micros / 1_000).toFixed(1)} ms`,
    ...(summary.lost === 0 ? [] : [`lost       ${summary.lost} frames had to be dropped by chrome-vm's agent`]),
    `samples    ${samples.identical ? 'identical' : 'DIFFERENT'}: sent ${samples.sent.slice(0, 16)}…, heard ${samples.heard.slice(0, 16)}… (SHA-256 of ${samples.count} samples)`,
    `audit log  ${audit.verified ? 'verified' : 'BROKEN'}: ${audit.records} records, ${audit.denied} refusals among them, head ${audit.head.slice(0, 16)}…`,
    ...serverLine(summary.server),
    attacks.toString(),
    ...(summary.heard === null ? [] : [`heard      ${summary.heard}`]),
    summary.ok ? 'Everything held.' : 'Something did NOT hold.',
    '',
  ].join('\n');
}

function serverLine(server: Seen | null): string[] {
  if (server === null) return [];
  const { version, messages, found, sealed } = server;
  return [
    `nats       ${sealed ? 'sealed' : 'NOT PROVEN SEALED'}: nats-server ${version} saw ${messages} messages, ${found} with any of it`,
  ];
}

export function printDemoError(error: unknown): void {
  const isCoded = error instanceof Error && 'code' in error;
  const text = isCoded ? `${error.message} (${error.code})` : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`demo: ${text}\n`);
}

/** Tables in colour on a terminal, plain in a pipe. */
export function tableStyle(out: NodeJS.WriteStream): { style?: { head: string[]; border: string[] } } {
  return out.isTTY ? {} : { style: { head: [], border: [] } };
}
