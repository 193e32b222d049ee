/**
 * A day of a host with nine VMs, made in a second or two: sound, network, a database and its backup, a microphone that is
 * granted, policies that are changed and refused, a crash, a clock that is set, and an incident.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitNotes } from '../../../broker/audit/evidence/index.ts';
import { archiveOf, installPolicy, openArchive, type RevisionArchive } from '../../../policy/index.ts';
import { FakeClock } from '../../support/clock.ts';
import { MemoryDisk, settle } from '../fixtures.ts';
import { type Change, DayBroker } from './day-broker.ts';
import { MORNING, OPENED, REFUSED } from './policies.ts';

/** A Tuesday. */
const BEGIN = Date.UTC(2026, 10, 17, 6, 0);
const MINUTE_MS = 60_000;
const END_MINUTE = 17 * 60 + 30;
const VMS = ['audio-vm', 'net-vm', 'db-vm', 'backup-vm', 'chrome-vm', 'mail-vm', 'work-vm', 'zoom-vm'] as const;

/** Traffic of each minute between two times of the day. */
interface Traffic {
  readonly from: string;
  readonly to: string;
  readonly src: string;
  readonly dst: string;
  readonly what: string;
  readonly port: number;
  readonly messages: number;
  readonly bytes: number;
}

type Row = readonly [
  from: string,
  to: string,
  src: string,
  dst: string,
  what: string,
  port: number,
  n: number,
  b: number,
];

const ROWS: readonly Row[] = [
  ['08:00', '12:00', 'chrome-vm', 'net-vm', 'ethernet:ipv4', 802, 1_200, 900],
  ['08:00', '12:00', 'net-vm', 'chrome-vm', 'ethernet:ipv4', 802, 2_400, 1_300],
  ['08:05', '18:00', 'mail-vm', 'net-vm', 'ethernet:ipv4', 802, 40, 700],
  ['08:05', '18:00', 'net-vm', 'mail-vm', 'ethernet:ipv4', 802, 50, 1_100],
  ['08:30', '11:30', 'chrome-vm', 'audio-vm', 'audio-playback:send', 4713, 6_000, 1_764],
  ['09:00', '17:00', 'work-vm', 'db-vm', 'data:send', 5000, 90, 512],
  ['09:30', '10:30', 'zoom-vm', 'audio-vm', 'audio-playback:send', 4713, 6_000, 1_764],
  ['09:31', '10:30', 'audio-vm', 'zoom-vm', 'audio-capture:send', 4714, 6_000, 1_764],
  ['13:00', '17:30', 'chrome-vm', 'net-vm', 'ethernet:ipv4', 802, 800, 900],
  ['13:00', '17:30', 'net-vm', 'chrome-vm', 'ethernet:ipv4', 802, 1_500, 1_300],
  ['15:20', '15:55', 'mail-vm', 'db-vm', 'data:send', 5000, 3_000, 4_096],
  ['22:00', '22:20', 'db-vm', 'backup-vm', 'data:send', 5001, 20_000, 4_096],
];

const TRAFFIC: readonly Traffic[] = ROWS.map(([from, to, src, dst, what, port, messages, bytes]) => ({
  from,
  to,
  src,
  dst,
  what,
  port,
  messages,
  bytes,
}));

const MIC = { domain: 'zoom-vm', label: '@mic' };
const applied = (by: string, why: string): Change => ({ cause: 'apply', by, why });

/** What happens once, by the time of the day; the crash is in `theDay`. */
const EVENTS: Readonly<Record<string, (broker: DayBroker) => void | Promise<void>>> = {
  '06:01': openAll,
  '06:02': (broker) => broker.refuse('rogue-vm'),
  '09:29': (broker) => broker.send('zoom-vm', 'audio-vm', 'audio-control:source-start', 4714, 1, 4),
  '09:30': (broker) => broker.grant(MIC, { cause: 'grants', by: 'alice', why: 'weekly call' }, 60 * MINUTE_MS),
  '10:30': (broker) => broker.expire(MIC),
  '10:31': (broker) => broker.send('audio-vm', 'zoom-vm', 'audio-capture:send', 4714, 250, 1_764),
  '10:50': (broker) => broker.send('work-vm', 'backup-vm', 'data:send', 5001, 2, 512),
  '11:00': (broker) => broker.apply(REFUSED, applied('bob', 'share links with chrome')),
  '13:10': (broker) => broker.refuse('rogue-vm'),
  '14:30': (broker) => probe(broker, ['db-vm', 'backup-vm', 'chrome-vm', 'work-vm', 'zoom-vm']),
  '14:32': (broker) => probe(broker, ['db-vm', 'backup-vm']),
  '14:40': (broker) => broker.send('mail-vm', 'db-vm', 'data:send', 5000, 400, 64),
  '15:10': (broker) => broker.apply(OPENED, applied('bob', 'mail needs the reports')),
  '16:00': (broker) => broker.apply(MORNING, { cause: 'rollback', by: 'alice', why: 'incident 17: mail-vm' }),
  '16:01': (broker) => broker.send('mail-vm', 'db-vm', 'data:send', 5000, 1_500, 4_096),
  '16:05': (broker) => broker.revokeKey('mail-vm', applied('alice', 'incident 17: mail-vm')),
  '17:00': (broker) => broker.read('carol', 'list', 'src=mail-vm decision=deny since=today'),
  '17:10': (broker) => broker.read('carol', 'case incident 17', 'src=mail-vm decision=deny since=today', 23),
  '17:20': (broker) => broker.review('carol', 'incident 17 is handled, nothing else to report'),
};

/**
 * Writes `audit`, `restored` (a copy of noon), `draft` (a policy that is proposed), `broker.vkey`, `noon.checkpoint` and
 * `evening.checkpoint`.
 */
export async function writeDay(directory: string): Promise<void> {
  const audit = join(directory, 'audit');
  mkdirSync(audit, { recursive: true, mode: 0o700 });
  const archive = await openArchive(archiveOf(audit));
  const { disk, noon } = await theDay(archive);
  writeLog(audit, disk);
  const restored = join(directory, 'restored');
  mkdirSync(restored, { mode: 0o700 });
  writeLog(restored, noon);
  writeFileSync(join(directory, 'broker.vkey'), disk.beside.get('checkpoint.vkey') ?? '');
  for (const [name, of] of [
    ['noon', noon],
    ['evening', disk],
  ] as const)
    writeFileSync(join(directory, `${name}.checkpoint`), splitNotes(of.beside.get('checkpoints') ?? '').at(-1) ?? '');
  await installPolicy(join(directory, 'draft'), OPENED);
}

async function theDay(archive: RevisionArchive): Promise<{ readonly disk: MemoryDisk; readonly noon: MemoryDisk }> {
  const clock = new FakeClock(BEGIN);
  let disk = new MemoryDisk();
  let broker = await DayBroker.start({ disk, clock, archive }, 'a1b2c3d4e5f60718', MORNING);
  let noon = disk;
  for (let minute = 0; minute <= END_MINUTE; minute++) {
    const now = clockTime(minute);
    await EVENTS[now]?.(broker);
    for (const one of TRAFFIC) {
      if (now < one.from || now >= one.to || (now >= '16:01' && one.src === 'mail-vm')) continue;
      broker.send(one.src, one.dst, one.what, one.port, one.messages, one.bytes);
    }
    if (now === '12:00') {
      await broker.settled();
      noon = disk.crashed();
      disk = disk.crashed();
      clock.advance(2 * MINUTE_MS);
      minute += 2;
      broker = await DayBroker.start({ disk, clock, archive }, '18f7e6d5c4b3a291', MORNING);
      openAll(broker);
    }
    // NTP finds that the clock is a minute and a half behind.
    if (now === '12:30') clock.step(90_000);
    await broker.settled();
    clock.advance(MINUTE_MS);
    await broker.settled();
  }
  await broker.log.close();
  await settle();
  return { disk, noon };
}

function openAll(broker: DayBroker): void {
  for (const name of VMS) broker.open(name);
  for (const [name, port] of [
    ['audio-vm', 4713],
    ['net-vm', 802],
    ['db-vm', 5000],
    ['backup-vm', 5001],
  ] as const)
    broker.register(name, port);
}

/** A source that looks for an open door: few messages to each of many ports. */
function probe(broker: DayBroker, targets: readonly string[]): void {
  for (const target of targets)
    for (const port of [22, 80, 443, 5000, 5432, 8080]) broker.send('mail-vm', target, 'data:send', port, 1, 64);
}

function clockTime(minute: number): string {
  const [hours, minutes] = [6 + Math.floor(minute / 60), minute % 60];
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}

function writeLog(directory: string, disk: MemoryDisk): void {
  for (const [number, bytes] of disk.files)
    writeFileSync(join(directory, `${String(number).padStart(8, '0')}.jsonl`), bytes, { mode: 0o600 });
  for (const [name, text] of disk.beside) writeFileSync(join(directory, name), text, { mode: 0o600 });
}
