/**
 * The sound card in real time: a guest plays through `argus device --sound` and the broker into a ring of the AudioVM.
 * Counted are the periods that the guest got back a whole period late or later, and the samples that the AudioVM has not
 * in their order. The AudioVM's sound server is left to `--sound`.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../../clients/sdk/index.ts';
import { issueIdentity, openAuthority } from '../../../keys/index.ts';
import type { Site } from '../../../test/support/network/site.ts';
import { endWithThisProcess, keepStderr, stopChild } from '../../arms/server-process.ts';
import type { Cleanup } from '../../cleanup.ts';
import { callerOf } from '../../roles/calls.ts';
import { FRAME_BYTES, PERIOD_BYTES, PERIOD_MS } from './format.ts';
import type { SoundGuestCalls } from './guest.ts';

/** Of sound that a VM plays, in the AudioVM. */
const PORT = 4_713;
const RING_BYTES = 1_048_576;
const DRAIN_MS = 5_000;

export interface SoundCardFigure {
  readonly minutes: number;
  readonly periods: number;
  /** Periods that came back a whole period late, or later. */
  readonly missed: number;
  /** The latest of them all, ms after it was due. */
  readonly latestMs: number;
  /** Sample frames that the AudioVM got, and those of them that were not the next one. */
  readonly heard: number;
  readonly wrong: number;
}

/** `startDevice`: makes the card of a domain, and resolves when it waits for a VMM at `socket`. */
export async function measureSoundCard(
  site: Site,
  minutes: number,
  startDevice: (audioVm: string, socket: string) => Promise<void>,
  cleanup: Cleanup,
): Promise<SoundCardFigure> {
  const [audioVm, socket] = ['audio-vm', join(site.folder, 'sound')];
  const authority = await openAuthority(join(site.folder, 'authority'));
  await issueIdentity(
    authority,
    site.identityOf(audioVm),
    { name: audioVm, role: 'domain', ttlSeconds: 86_400 },
    'unsealed',
  );
  const vm = await connect({ carrier: site.carrierOf(audioVm), identity: site.identityOf(audioVm) });
  cleanup.add(() => vm.close());
  const ring = await vm.registerRing({ port: PORT, partner: 'any', length: RING_BYTES });
  let [heard, wrong] = [0, 0];
  void ring.consume(({ payload }) => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    for (let at = 0; at + FRAME_BYTES <= bytes.length; at += FRAME_BYTES, heard++)
      if (bytes.readUInt32LE(at) !== heard) wrong++;
  });
  await startDevice(audioVm, socket);
  const child = fork(fileURLToPath(new URL('guest.ts', import.meta.url)), [socket], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  endWithThisProcess(child);
  cleanup.add(() => stopChild(child));
  const call = callerOf(child, 'guest with a sound card', keepStderr(child));
  const periods = Math.round((minutes * 60_000) / PERIOD_MS);
  const played = (await call('play', { periods })) as Awaited<ReturnType<SoundGuestCalls['play']>>;
  const wanted = (periods * PERIOD_BYTES) / FRAME_BYTES;
  for (const until = Date.now() + DRAIN_MS; heard < wanted && Date.now() < until; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  await stopChild(child);
  return { minutes, periods, ...played, heard, wrong: wrong + Math.max(0, wanted - heard) };
}
