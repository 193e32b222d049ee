/** What happens on the stage, from the first key to the verdict. */
import { copyFile } from 'node:fs/promises';
import { verifyAudit } from '../../broker/audit/index.ts';
import { Stream } from './audio/stream.ts';
import type { Way } from './carriers/demo-carrier.ts';
import { LiveTable } from './output/live-table.ts';
import type { Narrator } from './output/narrator.ts';
import type { Summary } from './output/report.ts';
import { countRefusals } from './refusals.ts';
import type { AttackResult } from './roles/messages.ts';
import { heardPcm } from './setup/files.ts';
import type { Scene } from './setup/installation.ts';
import { judge } from './verdict.ts';

/** As much of chrome-vm's bytes as an attacker is given: its handshake and more, where there is more. */
const RECORDED_BYTES = 4_096;

export interface PlayOptions {
  readonly fast?: boolean;
  readonly json?: boolean;
  readonly out?: string;
  readonly keep?: boolean;
  readonly sound?: boolean;
}

/** The server, where there is one, is asked afterwards. */
type Played = Omit<Summary, 'carrier' | 'server'>;

export async function play(
  scene: Scene,
  way: Way,
  pcm: Uint8Array,
  options: PlayOptions,
  narrator: Narrator,
): Promise<Played> {
  narrator.step('an authority, keys and credentials, a policy directory …');
  narrator.why('A VM’s own key proves who it is; the policy says what it may do.');
  await scene.furnish();
  await way.prepare();
  narrator.step('the broker, audio-vm, chrome-vm and rogue-vm, each a process of its own');
  narrator.line(`   policy ${scene.policy}`);
  narrator.why('Records are sealed between VM and broker; the server only passes them on.');
  await scene.startBroker(way.config);
  await way.open();

  narrator.step('chrome-vm plays (argus audio agent), audio-vm records (argus audio service)');
  narrator.why('rogue-vm attacks. It has what the server, or its owner, could have: chrome-vm’s');
  narrator.why('nkey, its credential, and a copy of its bytes.');
  const startedAt = performance.now();
  const stream = await Stream.start(scene, way, pcm, { fast: options.fast === true, sound: options.sound === true });
  const table = new LiveTable(scene.control, stream.meter, options.json === true);
  const recordedBytes = Math.min(RECORDED_BYTES, pcm.length);
  const [attacks] = await table.during(Promise.all([attack(scene, way, recordedBytes), stream.over()]));
  const { sent, heard } = await stream.end();
  const seconds = (performance.now() - startedAt) / 1_000;
  await scene.stopBroker();

  const audit = await verifyAudit(scene.audit);
  const heardBytes = await heardPcm(stream.file);
  if (options.out !== undefined && heardBytes.length > 0) await copyFile(stream.file, options.out);
  const verdict = judge({
    sent: pcm,
    heard: heardBytes,
    sentFrames: sent.frames,
    heardFrames: heard.frames,
    attacks,
    isAuditVerified: audit.ok,
  });
  return {
    ...verdict,
    frames: heard.frames ?? 0,
    lost: sent.lost ?? 0,
    seconds: Number(seconds.toFixed(3)),
    latency: stream.meter.summary(),
    attacks,
    audit: { verified: audit.ok, records: audit.records, head: audit.head, denied: await countRefusals(scene.audit) },
    heard: options.out ?? (options.keep === true ? stream.file : null),
  };
}

/** In the middle of the stream: rogue-vm with everything of chrome-vm's but its key. */
async function attack(scene: Scene, way: Way, recordedBytes: number): Promise<readonly AttackResult[]> {
  const recorded = Buffer.from(await way.recorded(recordedBytes)).toString('base64');
  const stolen = { carrier: way.stolenCarrierOf('chrome-vm'), identity: scene.identity('chrome-vm'), recorded };
  const rogue = scene.spawn('rogue-vm', { carrier: way.carrierOf('rogue-vm'), stolen });
  const { attacks = [] } = await rogue.done();
  await rogue.exited();
  return attacks;
}
