/** A guest's process: asks and pushes, or returns and counts what the other guest sends. */
import { answerCalls } from '../roles/calls.ts';
import { openIvshmemWire } from './ivshmem-wire.ts';
import { openNetWire } from './net-wire.ts';
import { openSocketWire } from './socket-wire.ts';
import { openVsockWire } from './vsock-wire.ts';
import { ANSWERS_PER_WINDOW, type Wire, type WireEvents, type WireKind, type WireSetup } from './wire.ts';

const OPENERS: Readonly<Record<WireKind, (setup: WireSetup, events: WireEvents) => Promise<Wire>>> = {
  vsock: openVsockWire,
  net: openNetWire,
  segments: openNetWire,
  ivshmem: openIvshmemWire,
  stream: openSocketWire,
  frames: openSocketWire,
};
const ANSWER_BYTES = 64;

/** Set by `echo`; with a number, bytes are counted and answered once per so many. */
let perAnswer = 0;
let counted = 0;
let owed = 0;
let onBytes = (count: number): void => {
  counted += count;
  if (perAnswer === 0) owed += count;
  else for (; counted >= perAnswer; counted -= perAnswer) owed += ANSWER_BYTES;
  answer();
};
let onRoom = (): void => answer();
/** What one message of an echo may hold. */
let largest = 65_536;

const setup = JSON.parse(process.argv[2] ?? '{}') as WireSetup;
process.on('disconnect', () => process.exit());
let wire: Wire | null = null;

/** Returns what is owed, as far as there is room. */
function answer(): void {
  while (wire !== null && owed > 0) {
    const bytes = Math.min(owed, perAnswer === 0 ? largest : ANSWER_BYTES);
    if (!wire.send(bytes)) break;
    owed -= bytes;
  }
  wire?.flush();
}

export type GuestCalls = {
  open(): Promise<void>;
  /** What this guest does with what it hears. 0: it returns it. Else it answers once per so many bytes. */
  echo(argument: { readonly perAnswer: number; readonly largest: number }): Promise<void>;
  /** Median of the round trips, microseconds. */
  ask(argument: { readonly bytes: number; readonly trips: number }): Promise<number>;
  /** Sends `count` messages; microseconds until the last answer. At most a window is under way; 0: no window. */
  push(argument: { readonly bytes: number; readonly count: number; readonly windowBytes: number }): Promise<number>;
};

const calls: GuestCalls = {
  open: async () => {
    wire = await OPENERS[setup.kind](setup, { onBytes: (count) => onBytes(count), onRoom: () => onRoom() });
  },
  echo: async (argument) => {
    ({ perAnswer, largest } = argument);
    [counted, owed] = [0, 0];
  },
  ask: async ({ bytes, trips }) => {
    const took: number[] = [];
    for (let trip = 0; trip < trips; trip++) {
      const began = performance.now();
      await heard(bytes, () => {
        wire?.send(bytes);
        wire?.flush();
      });
      took.push((performance.now() - began) * 1_000);
    }
    return took.sort((a, b) => a - b)[took.length >> 1] ?? Number.NaN;
  },
  push: ({ bytes, count, windowBytes }) =>
    new Promise((resolve) => {
      const began = performance.now();
      const total = bytes * count;
      const answerPer = windowBytes > 0 ? windowBytes / ANSWERS_PER_WINDOW : total;
      let [sent, answered] = [0, 0];
      const more = (): void => {
        while (sent < count) {
          const underWay = sent * bytes - Math.floor(answered / ANSWER_BYTES) * answerPer;
          if ((windowBytes > 0 && underWay + bytes > windowBytes) || wire?.send(bytes) !== true) break;
          sent++;
        }
        wire?.flush();
      };
      onRoom = more;
      onBytes = (heardBytes) => {
        answered += heardBytes;
        if (answered >= Math.floor(total / answerPer) * ANSWER_BYTES) resolve((performance.now() - began) * 1_000);
        else more();
      };
      more();
    }),
};
answerCalls(calls);
process.send?.('ready');

function heard(bytes: number, begin: () => void): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes;
    onBytes = (count) => {
      left -= count;
      if (left <= 0) resolve();
    };
    begin();
  });
}
