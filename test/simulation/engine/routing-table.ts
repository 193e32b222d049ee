/** The routing table of a simulated VM. It outlives the processes that change it, as the kernel's does. */
import { ROUTE_PROTOCOL } from '../../../clients/agents/network/limits.ts';
import { type KernelRoute, parseKernelRoutes, type RouteTable } from '../../../clients/agents/network/routes/kernel.ts';
import type { Random } from '../../support/random.ts';
import type { Process } from './process.ts';

const LEARNED = ` proto ${ROUTE_PROTOCOL} `;
/** How long a command of `ip` takes at most. */
const MAX_DELAY_MS = 5;
/** The kernel's monitor reports a change after this long. */
const REPORT_MS = 50;
/** The table is read this often, because the monitor may miss a change. */
const POLL_MS = 10_000;

export class SimulatedTable {
  /** As `ip route` shows them, without their words. */
  readonly #lines = new Set<string>();
  readonly #random: Random;
  readonly #watchers = new Set<() => void>();
  #learned: readonly string[] = [];
  /** `ip` fails in the middle of what it is given, once in so many times; 0 = never. */
  failOneIn = 0;
  /** The monitor misses a change, once in so many times; 0 = never. */
  missOneIn = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The prefixes of the routes that an agent has put there. */
  get learned(): readonly string[] {
    return this.#learned;
  }

  get routes(): readonly KernelRoute[] {
    const shown = [...this.#lines].map((line) => {
      const [dst = '', , gateway, , dev, , protocol, , metric] = line.split(' ');
      return { dst, gateway, dev, protocol, metric: Number(metric) };
    });
    return parseKernelRoutes(JSON.stringify(shown), 4);
  }

  /** What the operator or another daemon does. */
  set(prefix: string, isThere: boolean): void {
    const line = `${prefix} via 198.51.100.1 dev uplink proto static metric 100`;
    if (isThere === this.#lines.has(line)) return;
    if (isThere) this.#lines.add(line);
    else this.#lines.delete(line);
    if (this.missOneIn > 0 && this.#random.oneIn(this.missOneIn)) return;
    for (const report of this.#watchers) report();
  }

  has(prefix: string): boolean {
    return this.#lines.has(`${prefix} via 198.51.100.1 dev uplink proto static metric 100`);
  }

  /** The table as one process sees it. */
  tableFor(process: Process): RouteTable {
    const delay = (): number => this.#random.below(1 + MAX_DELAY_MS);
    const later = <T>(act: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        process.schedule(delay(), 'ip', () => {
          try {
            resolve(act());
          } catch (error) {
            reject(error);
          }
        });
      });
    return {
      read: () => later(() => this.routes),
      change: (lines) => later(() => this.#change(lines)),
      watch: (onChange) => {
        const report = (): void => void process.schedule(REPORT_MS, 'route monitor', onChange);
        this.#watchers.add(report);
        let cancel = (): void => {};
        const poll = (): void => {
          cancel = process.schedule(POLL_MS, 'route poll', () => {
            onChange();
            poll();
          });
        };
        poll();
        const close = (): void => {
          this.#watchers.delete(report);
          cancel();
        };
        return { close };
      },
    };
  }

  #change(lines: readonly string[]): void {
    const isFailing = this.failOneIn > 0 && this.#random.oneIn(this.failOneIn);
    const done = isFailing ? this.#random.below(lines.length) : lines.length;
    try {
      for (const line of lines.slice(0, done)) this.#carryOut(line);
    } finally {
      this.#learned = [...this.#lines].filter((line) => line.includes(LEARNED)).map((line) => line.split(' ')[0] ?? '');
    }
    if (isFailing) throw new Error('ip: RTNETLINK answers: No buffer space available');
  }

  #carryOut(line: string): void {
    const route = line.replace(/^route (replace|del) /, '').replace(/ onlink$/, '');
    if (!line.startsWith('route del')) this.#lines.add(route);
    else if (!this.#lines.delete(route)) throw new Error(`ip: no route ${route}`);
  }
}
