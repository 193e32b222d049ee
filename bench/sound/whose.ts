/**
 * Whose a gap is. Several programs are recorded at the same time. A gap that the control has at the same moment was made by
 * the sound server or by the machine. The counters of the service and of the machine say what else happened around it.
 */
import type { Gap, Place } from './heard.ts';
import type { Stall } from './stalls.ts';

/** Recordings come in pieces of 12 ms, and a busy machine hands them on later. */
const SAME_MOMENT_SECONDS = 0.05;

/** A sample is heard this long after it was written at most, so this long ago a stall may have made the gap. */
const WAY_SECONDS = 0.2;

/** Counters of the service, of one VM. */
export interface ServiceCounts {
  /** Gaps that the service knows of. */
  readonly underruns: number;
  readonly slipped: number;
  readonly reopened: number;
}

/** What was counted up to a moment. */
export interface Look {
  /** On the clock of the gaps, seconds. */
  readonly at: number;
  /** Null for the control, which has no service. */
  readonly service: ServiceCounts | null;
  /** Time of the processors that the host of this machine gave to others, ms. Null where there is no such counter. */
  readonly stolenMs: number | null;
}

/** What was counted between the last look before a gap and the first look after it. */
export interface Around extends Omit<Look, 'at'> {
  readonly seconds: number;
}

export interface Attributed {
  /** Names of the other recordings with a gap or a break at the same moment. */
  readonly alsoIn: readonly string[];
  /** Null when there was no look before it, or none after it. */
  readonly around: Around | null;
  /** The longest that a processor stood still while this sound was under way, ms: 0 for none. Null where nobody watched. */
  readonly stalledMs: number | null;
}

export interface Track {
  readonly name: string;
  /** `at` of all tracks is on one clock. */
  readonly gaps: readonly Gap[];
  readonly breaks: readonly Place[];
  readonly looks: readonly Look[];
}

export interface AttributedTrack {
  readonly name: string;
  readonly gaps: readonly (Gap & Attributed)[];
  readonly breaks: readonly (Place & Attributed)[];
}

/** @param stalls of all processors; null where nobody watched them */
export function attribute(tracks: readonly Track[], stalls: readonly Stall[] | null): AttributedTrack[] {
  return tracks.map((track) => {
    const others = tracks.filter((other) => other !== track);
    const attributed = (from: number, to: number): Attributed => ({
      alsoIn: others.filter((other) => isDisturbed(other, from, to)).map(({ name }) => name),
      around: countedAround(from, to, track.looks),
      stalledMs: stalls === null ? null : longestStall(from - WAY_SECONDS, to + SAME_MOMENT_SECONDS, stalls),
    });
    return {
      name: track.name,
      gaps: track.gaps.map((gap) => ({ ...gap, ...attributed(gap.at, endOf(gap)) })),
      breaks: track.breaks.map((place) => ({ ...place, ...attributed(place.at, place.at) })),
    };
  });
}

function endOf({ at, ms }: Gap): number {
  return at + ms / 1_000;
}

function isDisturbed({ gaps, breaks }: Track, from: number, to: number): boolean {
  const meets = (start: number, end: number): boolean =>
    start <= to + SAME_MOMENT_SECONDS && end >= from - SAME_MOMENT_SECONDS;
  return gaps.some((gap) => meets(gap.at, endOf(gap))) || breaks.some(({ at }) => meets(at, at));
}

function longestStall(from: number, to: number, stalls: readonly Stall[]): number {
  return Math.max(0, ...stalls.filter(({ at }) => at >= from && at <= to).map(({ ms }) => ms));
}

function countedAround(from: number, to: number, looks: readonly Look[]): Around | null {
  const before = looks.findLast(({ at }) => at < from - SAME_MOMENT_SECONDS);
  const after = looks.find(({ at }) => at > to + SAME_MOMENT_SECONDS);
  if (before === undefined || after === undefined) return null;
  return {
    seconds: after.at - before.at,
    service:
      after.service === null || before.service === null
        ? null
        : {
            underruns: after.service.underruns - before.service.underruns,
            slipped: after.service.slipped - before.service.slipped,
            reopened: after.service.reopened - before.service.reopened,
          },
    stolenMs: after.stolenMs === null || before.stolenMs === null ? null : after.stolenMs - before.stolenMs,
  };
}
