/** One run of the demo, from the first key to the verdict. */
import { copyFile } from 'node:fs/promises';
import { DemoStream } from './audio/stream.ts';
import { summarizeAudit } from './audit-summary.ts';
import type { DemoCarrier } from './carriers/demo-carrier.ts';
import { LiveTable } from './output/live-table.ts';
import type { Narrator } from './output/narrator.ts';
import type { Summary } from './output/report.ts';
import type { AttackResult } from './roles/messages.ts';
import { heardPcm } from './setup/inputs.ts';
import type { Installation } from './setup/installation.ts';
import { assess } from './verdict.ts';

/** The attacker gets this many of chrome-vm's bytes: its handshake and some sound. */
const RECORDED_BYTES = 4_096;

export interface RunOptions {
  readonly fast?: boolean;
  readonly json?: boolean;
  readonly out?: string;
  readonly keep?: boolean;
  readonly sound?: boolean;
}

/** The caller adds the carrier, and what the NATS server saw. */
type RunSummary = Omit<Summary, 'carrier' | 'server'>;

export async function runOnce(
  installation: Installation,
  carrier: DemoCarrier,
  pcm: Uint8Array,
  options: RunOptions,
  narrator: Narrator,
): Promise<RunSummary> {
  narrator.step('an authority, keys and credentials, a policy directory …');
  narrator.why('A VM’s own key proves who it is; the policy says what it may do.');
  await installation.provision();
  await carrier.prepare();
  narrator.step('the broker, audio-vm, chrome-vm and rogue-vm, each a process of its own');
  narrator.line(`   policy ${installation.policy}`);
  narrator.why('Records are sealed between VM and broker; the server only passes them on.');
  await installation.startBroker(carrier.config);
  await carrier.open();

  narrator.step('chrome-vm plays (argus audio agent), audio-vm records (argus audio service)');
  narrator.why('rogue-vm attacks. It has what the server, or its owner, could have: chrome-vm’s');
  narrator.why('nkey, its credential, and a copy of its bytes.');
  const startedAt = performance.now();
  const stream = await DemoStream.start(installation, carrier, pcm, {
    fast: options.fast === true,
    sound: options.sound === true,
  });
  const table = new LiveTable(installation.control, stream.meter, options.json === true);
  const recordedBytes = Math.min(RECORDED_BYTES, pcm.length);
  const [attacks] = await table.during(Promise.all([attack(installation, carrier, recordedBytes), stream.over()]));
  const { sent, heard } = await stream.end();
  const seconds = (performance.now() - startedAt) / 1_000;
  await installation.stopBroker();

  const audit = await summarizeAudit(installation.audit);
  const heardBytes = await heardPcm(stream.file);
  if (options.out !== undefined && heardBytes.length > 0) await copyFile(stream.file, options.out);
  const verdict = assess({
    sent: pcm,
    heard: heardBytes,
    sentFrames: sent.frames,
    heardFrames: heard.frames,
    unansweredFrames: sent.lost ?? 0,
    attacks,
    isAuditVerified: audit.verified,
  });
  return {
    ...verdict,
    frames: heard.frames ?? 0,
    lost: Math.max(0, (sent.frames ?? 0) + (sent.lost ?? 0) - (heard.frames ?? 0)),
    seconds: Number(seconds.toFixed(3)),
    latency: stream.meter.summary(),
    attacks,
    audit,
    heard: options.out ?? (options.keep === true ? stream.file : null),
  };
}

/** In the middle of the stream, rogue-vm attacks with everything that chrome-vm has except its private key. */
async function attack(
  installation: Installation,
  carrier: DemoCarrier,
  recordedBytes: number,
): Promise<readonly AttackResult[]> {
  const recorded = Buffer.from(await carrier.recorded(recordedBytes)).toString('base64');
  const stolen = {
    carrier: carrier.stolenCarrierOf('chrome-vm'),
    identity: installation.identity('chrome-vm'),
    recorded,
  };
  const rogue = installation.spawn('rogue-vm', { carrier: carrier.carrierOf('rogue-vm'), stolen });
  const { attacks = [] } = await rogue.done();
  await rogue.exited();
  return attacks;
}
