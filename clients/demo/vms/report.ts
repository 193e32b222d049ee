/** The summary that the demo in virtual machines prints at its end. */

import Table from 'cli-table3';
import type { Accelerator } from '../../machines/index.ts';
import type { AuditSummary } from '../audit-summary.ts';
import { tableStyle } from '../output/report.ts';
import type { ScenarioResult } from './scenario.ts';
import { STOCK_GUEST, type StockSound } from './stock-guest.ts';

export interface VmSummary extends ScenarioResult {
  readonly ok: boolean;
  readonly accelerator: Accelerator;
  readonly seconds: number;
  /** SHA-256 of the sound that chrome-vm plays. */
  readonly sent: string;
  /** The guest with a virtual sound card and no Argus inside. */
  readonly stock: StockSound;
  readonly audit: AuditSummary;
}

export function printVmSummary(summary: VmSummary, asJson: boolean): void {
  process.stdout.write(asJson ? `${JSON.stringify(summary)}\n` : render(summary));
}

function render(summary: VmSummary): string {
  const { sent, network, audit } = summary;
  const style = tableStyle(process.stdout);
  const sounds = new Table({ head: ['sound from chrome-vm to audio-vm', 'SHA-256', 'as sent'], ...style });
  for (const { after, hash } of summary.heard)
    sounds.push([`after ${after}`, `${hash.slice(0, 16)}…`, hash === sent ? 'yes' : 'NO']);
  const attacks = new Table({ head: ['rogue-vm tried to', 'refused', 'how'], ...style });
  for (const { name, refused, how } of summary.attacks) attacks.push([name, refused ? 'yes' : 'NO', how]);
  return [
    '',
    sounds.toString(),
    attacks.toString(),
    `network    chrome-vm has ${network.lease}; to net-vm ${network.near}; through it ${network.outside}`,
    `stock      ${stockLine(summary.stock)}`,
    `others     ${summary.undisturbed ? 'noticed nothing of rogue-vm' : 'were DISTURBED by rogue-vm'}`,
    `audit log  ${audit.verified ? 'verified' : 'BROKEN'}: ${audit.records} records, ${audit.denied} refusals among them, head ${audit.head.slice(0, 16)}…`,
    `${summary.ok ? 'Everything held' : 'Something did NOT hold'}, in ${summary.seconds} s under ${summary.accelerator === 'kvm' ? 'KVM' : 'software emulation'}.`,
    '',
  ].join('\n');
}

function stockLine(sound: StockSound): string {
  return 'missing' in sound
    ? `${STOCK_GUEST} was left out: ${sound.missing}`
    : `${STOCK_GUEST}, with no Argus inside, played through its sound card: ${sound.seconds.toFixed(2)} s of ${sound.hertz.toFixed(0)} Hz arrived`;
}
