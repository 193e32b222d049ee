/** Reads the counters of the service and of the machine, again and again, while guests play. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { readStatus, type ServiceStatus } from '../../clients/agents/audio/index.ts';
import type { Look } from './whose.ts';

const LOOK_MS = 500;
/** Of /proc/stat: `cpu user nice system idle iowait irq softirq steal`. */
const STEAL_FIELD = 8;
/** USER_HZ, which is the same on all machines that Node runs on. */
const TICK_MS = 10;

interface Counted {
  readonly at: number;
  readonly stolenMs: number | null;
  readonly vms: ServiceStatus['vms'];
}

export class Looks {
  readonly #statusSocket: string;
  readonly #counted: Counted[] = [];
  #isOver = false;
  readonly #end: Promise<void>;

  /** @param start of the run, on the clock of `performance.now()` */
  constructor(statusSocket: string, start: number) {
    this.#statusSocket = statusSocket;
    this.#end = this.#lookOn(start);
  }

  /** Of one VM; null: of the machine alone. */
  of(vm: string | null): Look[] {
    return this.#counted.map(({ at, stolenMs, vms }) => {
      const played = vms.find((each) => each.vm === vm)?.played;
      if (played === undefined) return { at, stolenMs, service: null };
      const { underruns, slipped, reopened } = played;
      return { at, stolenMs, service: { underruns, slipped, reopened } };
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#end;
  }

  async #lookOn(start: number): Promise<void> {
    for (;;) {
      const isLast = this.#isOver;
      const stolenMs = await readStolenMs();
      const { vms } = await readStatus(this.#statusSocket);
      this.#counted.push({ at: (performance.now() - start) / 1_000, stolenMs, vms });
      if (isLast) return;
      await delay(LOOK_MS);
    }
  }
}

/** Null where there is no such counter. */
async function readStolenMs(): Promise<number | null> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8').catch(() => '')).split('\n');
  const ticks = Number(line.split(/\s+/)[STEAL_FIELD]);
  return Number.isNaN(ticks) ? null : ticks * TICK_MS;
}
