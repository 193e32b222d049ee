/** The sending client's process: one loop for throughput and one for latency, the same for every arm. */
import { hrtime } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SenderLink } from '../arms/arm.ts';
import { percentile } from '../figures/stats.ts';
import { CreditTaker } from '../throughput/credit.ts';
import { answerCalls, type Latency, type SenderCalls } from './calls.ts';
import { startRole } from './role.ts';

/** A quarter of the window: the sender works on the next burst while three are under way. */
const BURSTS_PER_WINDOW = 4;
/** As often as a sound server sends. */
const PACED_BURST_MS = 10;
const MAX_LATENCY_SAMPLES = 1_000_000;

const { setup, arm } = await startRole();
let opened: { readonly link: SenderLink; readonly credit: CreditTaker } | undefined;
let halting = false;
let streaming: Promise<number> = Promise.resolve(0);
let cpuAtStart = process.cpuUsage();
let startedAt = hrtime.bigint();

const calls: SenderCalls = {
  async open() {
    opened = { link: await arm.openSender(setup.endpoint), credit: await CreditTaker.connect(setup.creditPath) };
  },
  async stream({ size, window, perSecond }) {
    halting = false;
    cpuAtStart = process.cpuUsage();
    startedAt = hrtime.bigint();
    streaming = perSecond === undefined ? streamUntilHalt(size, window) : streamPaced(size, window, perSecond);
    // reported by halt(); until then it must not count as unhandled
    streaming.catch(() => {});
  },
  async halt() {
    const { user, system } = process.cpuUsage(cpuAtStart);
    const cpu = (user + system) / (Number(hrtime.bigint() - startedAt) / 1e3);
    halting = true;
    opened?.credit.wake();
    return { sent: await streaming, cpu };
  },
  pingPong: ({ size, warmupMs, durationMs }) => pingPong(size, warmupMs, durationMs),
};
answerCalls(calls);

/** Never more than `window` messages between here and the receiver's callback. Resolves with the number sent. */
async function streamUntilHalt(size: number, window: number): Promise<number> {
  const { link, credit } = openEnds();
  const payload = payloadOf(size);
  const burst = Math.max(1, Math.floor(window / BURSTS_PER_WINDOW));
  let sent = 0;
  credit.start();
  while (!halting) {
    const room = Math.min(burst, window - (sent - credit.granted));
    for (let i = 0; i < room; i++) link.send(payload);
    sent += room;
    await link.settle();
    if (!halting && sent - credit.granted >= window) await credit.next();
  }
  return sent;
}

/** So many a second, evenly; a burst that would leave the window waits. */
async function streamPaced(size: number, window: number, perSecond: number): Promise<number> {
  const { link, credit } = openEnds();
  const payload = payloadOf(size);
  const begin = performance.now();
  let sent = 0;
  credit.start();
  while (!halting) {
    const due = Math.floor(((performance.now() - begin) * perSecond) / 1e3);
    const room = Math.min(due - sent, window - (sent - credit.granted));
    for (let i = 0; i < room; i++) link.send(payload);
    sent += Math.max(0, room);
    await link.settle();
    await sleep(PACED_BURST_MS);
  }
  return sent;
}

async function pingPong(size: number, warmupMs: number, durationMs: number): Promise<Latency> {
  const { link } = openEnds();
  const payload = payloadOf(size);
  const micros: number[] = [];
  const measureFrom = performance.now() + warmupMs;
  const until = measureFrom + durationMs;
  // A percentile needs a sample: on a busy machine the first request may take longer than the planned time.
  for (let now = performance.now(); (now < until && micros.length < MAX_LATENCY_SAMPLES) || micros.length === 0; ) {
    const asked = now;
    await link.request(payload);
    now = performance.now();
    if (asked >= measureFrom) micros.push((now - asked) * 1e3);
  }
  return {
    count: micros.length,
    p50Micros: percentile(micros, 0.5),
    p99Micros: percentile(micros, 0.99),
    p999Micros: percentile(micros, 0.999),
  };
}

function openEnds(): { readonly link: SenderLink; readonly credit: CreditTaker } {
  if (opened === undefined) throw new Error('not opened');
  return opened;
}

/** Not all zero, so that nothing on the way could profit from it. */
function payloadOf(size: number): Uint8Array {
  return new Uint8Array(size).map((_, i) => (i * 31 + 7) & 0xff);
}
