/** The demo in real virtual machines, for a person: what this host lacks, what is going on, what came of it. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyAudit } from '../../../broker/audit/index.ts';
import { DemoError } from '../errors.ts';
import { countRefusals } from '../refusals.ts';
import { endAll } from '../setup/child-processes.ts';
import { chooseAccelerator } from './accelerator.ts';
import { GUEST_PROGRAM, House } from './host.ts';
import { guestImage } from './image/build.ts';
import type { Accelerator } from './machine.ts';
import { missingForMachines } from './needs.ts';
import { printVmSummary, type VmSummary } from './report.ts';
import { playStory, type Story } from './scenario.ts';
import { SOUND_HASH } from './sound-check.ts';

export interface VmDemoOptions {
  /** True: what works here. */
  readonly vms?: true | Accelerator;
  readonly json?: boolean;
  readonly keep?: boolean;
}

const DOMAINS = ['audio-vm', 'chrome-vm', 'net-vm', 'rogue-vm'] as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** True when everything that was promised held. @throws DemoError ERR_DEMO_MACHINES, ERR_DEMO_IMAGE, ERR_DEMO_GUEST */
export async function runVmDemo(options: VmDemoOptions): Promise<boolean> {
  const missing = missingForMachines();
  if (missing.length > 0)
    throw new DemoError('ERR_DEMO_MACHINES', `--vms needs what is missing here:\n  ${missing.join('\n  ')}\n`);
  const out = options.json === true ? process.stderr : process.stdout;
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 1_000);
  const say = (line: string): void => void out.write(`${String(seconds()).padStart(4)} s  ${line}\n`);

  const directory = await mkdtemp(join(tmpdir(), 'argus-demo-'));
  let house: House | null = null;
  const close = async (): Promise<void> => {
    await house?.close();
    if (options.keep === true) await writeFile(join(directory, 'consoles.txt'), house?.consoles ?? '');
    else await rm(directory, { recursive: true, force: true });
  };
  let making: Promise<unknown> = Promise.resolve();
  let isInterrupted = false;
  const stop = (): void => {
    isInterrupted = true;
    // Files are being made until the process ends, some of them by others, so the directory goes last.
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
    const building = House.build({ directory, accelerator, domains: DOMAINS, program: GUEST_PROGRAM });
    making = building;
    house = await building;
    await house.startBroker();
    const story = await playStory(house, say);
    await house.stopBroker();
    const summary = await judge(story, join(directory, 'audit'), accelerator, seconds());
    printVmSummary(summary, options.json === true);
    return summary.ok;
  } catch (error) {
    // What is awaited fails because it is being ended.
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

async function judge(story: Story, audit: string, accelerator: Accelerator, seconds: number): Promise<VmSummary> {
  const { ok: verified, records, head } = await verifyAudit(audit);
  const isWhole = story.heard.every(({ hash }) => hash === SOUND_HASH) && story.altered.length === 0;
  const isConnected = [story.network.near, story.network.outside].every((line) => line.includes(' 0% packet loss'));
  // No attack at all proves nothing: the rogue may have died before its first.
  const isDefended = story.undisturbed && story.attacks.length > 0 && story.attacks.every(({ refused }) => refused);
  return {
    ok: isWhole && isConnected && isDefended && verified,
    accelerator,
    seconds,
    sent: SOUND_HASH,
    ...story,
    audit: { verified, records, head, denied: await countRefusals(audit) },
  };
}
