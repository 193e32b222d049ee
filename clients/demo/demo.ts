/** The demo from the first key to the last check: sets a scene, plays, attacks, and judges what came out. */
import { readFile, writeFile } from 'node:fs/promises';
import { tailAudit, verifyAudit } from '../../broker/audit/index.ts';
import { DemoError } from './errors.ts';
import { judge } from './judge.ts';
import { LiveTable } from './live-table.ts';
import { printSummary, type Summary } from './report.ts';
import { type Scene, setScene } from './scene.ts';
import { Tap } from './tap.ts';
import { recordingPcm } from './tone.ts';
import { parseWav } from './wav.ts';

export interface DemoOptions {
  readonly wav?: string;
  readonly fast?: boolean;
  readonly json?: boolean;
  readonly out?: string;
  readonly keep?: boolean;
}

/** True when everything that was promised held. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const pcm = options.wav === undefined ? recordingPcm() : await readWav(options.wav);
  const say = (line: string): void => void (options.json === true ? process.stderr : process.stdout).write(`${line}\n`);
  say('keys, credentials and a policy directory …');
  const scene = await setScene();
  const stop = (): void => void scene.close(false).finally(() => process.exit(130));
  process.once('SIGINT', stop);
  try {
    const summary = await play(scene, pcm, options, say);
    printSummary(summary, options.json === true);
    return summary.ok;
  } finally {
    process.off('SIGINT', stop);
    await scene.close(options.keep === true);
    if (options.keep === true) say(`kept: ${scene.directory}`);
  }
}

async function play(
  scene: Scene,
  pcm: Uint8Array,
  options: DemoOptions,
  say: (line: string) => void,
): Promise<Summary> {
  say(`broker, audio-vm, chrome-vm and rogue-vm as processes of their own; policy ${scene.policy}`);
  await scene.startBroker();
  const table = new LiveTable(scene.control, options.json === true);
  const heardFile = options.out ?? `${scene.directory}/heard.wav`;

  const audio = scene.spawn('audio-vm', { wav: heardFile });
  audio.onMessage((message) => message.kind === 'progress' && table.heard(message));
  await audio.until('ready');
  // The carrier is outside the trusted base, so the attacker may have it: chrome-vm's bytes pass through a tap.
  const tap = await Tap.open(`${scene.directory}/run/tapped.sock`, scene.socketOf('chrome-vm'));
  const pcmFile = `${scene.directory}/recording.pcm`;
  await writeFile(pcmFile, pcm);
  const startedAt = performance.now();
  const chrome = scene.spawn('chrome-vm', { pcm: pcmFile, fast: options.fast === true, carrier: `unix:${tap.path}` });
  await chrome.until('ready');
  await tap.recorded(Math.min(4_096, pcm.length));
  const rogue = scene.spawn('rogue-vm', { recorded: tap.recording(), socket: scene.socketOf('rogue-vm') });

  await table.during(Promise.all([chrome.until('done'), audio.until('done'), rogue.until('done')]));
  const [sent, heard, attacked] = [chrome.last('done'), audio.last('done'), rogue.last('done')];
  await Promise.all([chrome.exited(), audio.exited(), rogue.exited()]);
  tap.close();
  const seconds = (performance.now() - startedAt) / 1_000;
  await scene.stopBroker();
  const audit = await verifyAudit(scene.audit);

  const attacks = attacked.attacks ?? [];
  const verdict = judge({
    sent: pcm,
    heard: await heardPcm(heardFile),
    sentFrames: sent.frames,
    heardFrames: heard.frames,
    attacks,
    isAuditVerified: audit.ok,
  });
  return {
    ...verdict,
    frames: heard.frames ?? 0,
    seconds: Number(seconds.toFixed(3)),
    latency: { p50Micros: heard.p50Micros ?? 0, p99Micros: heard.p99Micros ?? 0 },
    attacks,
    audit: { verified: audit.ok, records: audit.records, head: audit.head, denied: await countRefusals(scene.audit) },
    heard: options.out ?? (options.keep === true ? heardFile : null),
  };
}

async function readWav(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DemoError('ERR_DEMO_FILE', `cannot read "${file}": ${reason}`, { cause });
  }
  return parseWav(bytes, file).pcm;
}

async function heardPcm(file: string): Promise<Uint8Array> {
  try {
    return parseWav(await readFile(file), file).pcm;
  } catch (error) {
    if (error instanceof DemoError) return new Uint8Array(0); // nothing was heard: the hashes will say so
    throw error;
  }
}

/** Refusals in the log, counted with what was collapsed into them. */
export async function countRefusals(directory: string): Promise<number> {
  let refusals = 0;
  for await (const { parsed } of tailAudit(directory, { lines: Number.MAX_SAFE_INTEGER })) {
    if (typeof parsed === 'string') continue;
    const { decision, count } = parsed.fields;
    if (decision !== 'deny' && parsed.event !== 'session.refused' && parsed.event !== 'peer.fault') continue;
    refusals += typeof count === 'number' ? count : 1;
  }
  return refusals;
}
