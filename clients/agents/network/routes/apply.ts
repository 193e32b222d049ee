/**
 * The guest's agent: keeps the routes that one router announces in the kernel's table, and takes them back when the router
 * withdraws them or is gone.
 */
import { ArgusError, type Message, type Vm } from '../../../sdk/index.ts';
import { keepRing } from '../kept-ring.ts';
import { CONTROL_RING_BYTES, ROUTE_DEADLINE_MS, ROUTE_LOSS_MS, ROUTE_PORT } from '../limits.ts';
import { readKernelRoutes, runIpBatch } from './kernel.ts';
import { decodeRoutes, encodeRoutes } from './message.ts';
import { type PlanLimits, planRoutes, toWanted, type WantedRoute } from './plan.ts';
import { formatPrefix } from './prefix.ts';

export interface ApplyOptions extends PlanLimits {
  /** The router. */
  readonly from: string;
  readonly say: (line: string) => void;
  readonly fail: (error: Error) => void;
}

export async function applyRoutes(vm: Vm, options: ApplyOptions): Promise<{ close(): Promise<void> }> {
  const { from, say } = options;
  /** What the router has announced, by the operation that announced it. */
  const announced = new Map<'announce' | 'announce-default', readonly WantedRoute[]>();
  let routerId = -1;
  let lossTimer: NodeJS.Timeout | null = null;
  let work: Promise<void> = Promise.resolve();
  let lastRefused = '';
  let isClosed = false;

  const settle = async (): Promise<void> => {
    const plan = planRoutes(await readKernelRoutes(), [...announced.values()].flat(), options);
    if (plan.refused.join() !== lastRefused) for (const line of plan.refused) say(`refused ${line}`);
    lastRefused = plan.refused.join();
    if (plan.commands.length === 0) return;
    try {
      await runIpBatch(plan.commands);
    } catch (error) {
      // All or nothing: what was done of it is undone, each line by itself since some of it was not done.
      for (const line of plan.undo) await runIpBatch([line]).catch(() => {});
      throw error;
    }
    for (const line of plan.commands) say(line);
  };
  /** One at a time, in order; a failure is said and the next announcement tries again. */
  const enqueue = (): Promise<void> => {
    work = work.then(settle).catch((error: unknown) => say(error instanceof Error ? error.message : String(error)));
    return work;
  };
  const lose = (reason: string): void => {
    if (announced.size === 0) return;
    announced.clear();
    say(`${from} ${reason}; its routes are withdrawn`);
    void enqueue();
  };
  const hear = (): void => {
    if (lossTimer !== null) clearTimeout(lossTimer);
    if (isClosed) return; // what still came must not keep a process that is ending
    lossTimer = setTimeout(() => {
      lose('has been silent for too long');
      void enqueue(); // also what an earlier run of this agent left
    }, ROUTE_LOSS_MS);
  };

  const take = ({ payload, source }: Message): Promise<void> | undefined => {
    const message = decodeRoutes(payload);
    if (message === null || message.operation === 'request') return undefined;
    routerId = source.domid;
    hear();
    const { operation, routes, gateway4, gateway6 } = message;
    if (operation !== 'withdraw') announced.set(operation, toWanted(routes, gateway4, gateway6));
    else if (routes.length === 0) announced.clear();
    else {
      const gone = new Set(routes.map(({ prefix }) => formatPrefix(prefix)));
      for (const [kind, wanted] of announced)
        announced.set(
          kind,
          wanted.filter(({ prefix }) => !gone.has(formatPrefix(prefix))),
        );
    }
    return enqueue();
  };

  const ask = (): void => {
    const iov = encodeRoutes({ operation: 'request', generation: 0, gateway4: null, gateway6: null, routes: [] });
    vm.sendv({ to: { domain: from, port: ROUTE_PORT }, from: ROUTE_PORT, iov, deadline: ROUTE_DEADLINE_MS }).catch(
      (error: unknown) => {
        // The router may not be there yet; it announces when it comes.
        if (!(error instanceof ArgusError)) options.fail(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };
  const onGone = ({ domid, port }: { readonly domid: number; readonly port: number | null }): void => {
    if (domid === routerId && (port === null || port === ROUTE_PORT)) lose('is gone');
  };
  const onRingClosed: Parameters<typeof vm.on<'ring-closed'>>[1] = ({ ring: closed }) => {
    if (closed.port === ROUTE_PORT) lose('may no longer announce');
  };
  vm.on('peer-gone', onGone);
  vm.on('reconnected', ask);
  vm.on('ring-closed', onRingClosed);
  const ring = keepRing(vm, { port: ROUTE_PORT, partner: from, length: CONTROL_RING_BYTES }, take);
  await ring.ready;
  hear();
  ask();
  return {
    close: async () => {
      isClosed = true;
      vm.off('peer-gone', onGone);
      vm.off('reconnected', ask);
      vm.off('ring-closed', onRingClosed);
      if (lossTimer !== null) clearTimeout(lossTimer);
      await ring.close();
      announced.clear();
      await enqueue();
    },
  };
}
