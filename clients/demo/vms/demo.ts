/** The demo in real virtual machines: checks the host, prints progress, prints the summary. */

import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Accelerator, chooseAccelerator, endAll, guestImage, missingForMachines } from '../../machines/index.ts';
import { summarizeAudit } from '../audit-summary.ts';
import { DemoError } from '../errors.ts';
import { DemoHost, GUEST_PROGRAM } from './host.ts';
import { printVmSummary, type VmSummary } from './report.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';
import { SOUND_HASH } from './sound-check.ts';
import { isSoundHeard, playThroughCard, STOCK_GUEST, type StockSound } from './stock-guest.ts';

export interface VmDemoOptions {
  /** True = choose the accelerator. */
  readonly vms?: true | Accelerator;
  readonly json?: boolean;
  readonly keep?: boolean;
}

const DOMAINS = ['audio-vm', 'chrome-vm', 'net-vm', 'rogue-vm', STOCK_GUEST] as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Returns true when every promise held. @throws DemoError ERR_DEMO_MACHINES, ERR_DEMO_IMAGE; MachineError ERR_MACHINE_GUEST */
export async function runVmDemo(options: VmDemoOptions): Promise<boolean> {
  const missing = missingForMachines();
  if (missing.length > 0)
    throw new DemoError('ERR_DEMO_MACHINES', `--vms needs these, which are missing here:\n  ${missing.join('\n  ')}\n`);
  const out = options.json === true ? process.stderr : process.stdout;
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 1_000);
  const say = (line: string): void => void out.write(`${String(seconds()).padStart(4)} s  ${line}\n`);

  const directory = await mkdtemp(join(tmpdir(), 'argus-demo-'));
  let host: DemoHost | null = null;
  const close = async (): Promise<void> => {
    await host?.close();
    if (options.keep === true) await writeFile(join(directory, 'consoles.txt'), host?.consoles ?? '');
    else await rm(directory, { recursive: true, force: true });
  };
  let making: Promise<unknown> = Promise.resolve();
  let isInterrupted = false;
  const stop = (): void => {
    isInterrupted = true;
    // This process and its children create files until they end, so the directory is removed last.
    if (options.keep !== true) process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    void making
      .catch(() => {})
      .then(endAll)
      .finally(() => process.exit(130));
  };
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    await prepareImage(say);
    const { vms = true } = options;
    const accelerator = vms === true ? await prepareAccelerator(join(directory, 'probe'), say) : vms;
    say('keys, credentials, a policy directory, a broker');
    const building = DemoHost.build({ directory, accelerator, domains: DOMAINS, program: GUEST_PROGRAM });
    making = building;
    host = await building;
    await host.startBroker();
    const result = await runScenario(host, say);
    const stock = await playThroughCard(host, accelerator, say);
    await host.stopBroker();
    const summary = await assess(result, stock, join(directory, 'audit'), accelerator, seconds());
    printVmSummary(summary, options.json === true);
    return summary.ok;
  } catch (error) {
    // The run failed because the signal handler is ending it; that handler exits.
    if (isInterrupted) await new Promise(() => {});
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await close();
    if (options.keep === true) say(`kept: ${directory}`);
  }
}

async function prepareImage(say: (line: string) => void): Promise<void> {
  say('looking for the guests’ image …');
  try {
    await guestImage((kernel) => {
      say(`making the guests’ image of ${kernel}, busybox and this Node; once, 10 to 60 s with the download …`);
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new DemoError('ERR_DEMO_IMAGE', `the guests' image cannot be made: ${reason}`, { cause });
  }
  say('the guests’ image is there (node_modules/.cache/argus/vm)');
}

async function prepareAccelerator(directory: string, say: (line: string) => void): Promise<Accelerator> {
  say('looking for hardware virtualisation (10 s at most) …');
  const { accelerator, why } = await chooseAccelerator(directory);
  say(
    accelerator === 'kvm'
      ? `QEMU with KVM: ${why}`
      : `QEMU in software emulation: ${why}; so all of this takes a minute or two`,
  );
  return accelerator;
}

async function assess(
  result: ScenarioResult,
  stock: StockSound,
  audit: string,
  accelerator: Accelerator,
  seconds: number,
): Promise<VmSummary> {
  const log = await summarizeAudit(audit);
  const isWhole = result.heard.every(({ hash }) => hash === SOUND_HASH) && result.altered.length === 0;
  const isConnected = [result.network.near, result.network.outside].every((line) => line.includes(' 0% packet loss'));
  // A run without attacks proves nothing: rogue-vm may have crashed before its first.
  const isDefended = result.undisturbed && result.attacks.length > 0 && result.attacks.every(({ refused }) => refused);
  return {
    ok: isWhole && isConnected && isDefended && isSoundHeard(stock) && log.verified,
    accelerator,
    seconds,
    sent: SOUND_HASH,
    ...result,
    stock,
    audit: log,
  };
}
