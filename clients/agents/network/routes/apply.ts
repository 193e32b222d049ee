/**
 * The guest's side: keeps the routes that one router announces in the kernel's table. Whatever ends the router, and however
 * it ends (withdrawal, end of its session, silence, a policy that forbids it), its routes go.
 */
import { type Clock, nodeClock, reasonOf } from '../../../../broker/base/index.ts';
import { ArgusError, type Message } from '../../../sdk/index.ts';
import { type DomainSession, keepOrderedRing, registered } from '../kept-ring.ts';
import { CONTROL_RING_BYTES, ROUTE_CONFIRM_MS, ROUTE_DEADLINE_MS, ROUTE_LOSS_MS, ROUTE_PORT } from '../limits.ts';
import { KERNEL_TABLE, type RouteTable } from './kernel.ts';
import { LearnedRoutes } from './learned.ts';
import { decodeRoutes, encodeRoutes } from './message.ts';
import { type PlanLimits, planRoutes } from './plan.ts';

export interface ApplyOptions extends PlanLimits {
  /** The router. */
  readonly from: string;
  readonly say: (line: string) => void;
  readonly fail: (error: Error) => void;
  /** The kernel's table unless a test has its own. */
  readonly table?: RouteTable;
  readonly clock?: Clock;
}

export async function applyRoutes(vm: DomainSession, options: ApplyOptions): Promise<{ close(): Promise<void> }> {
  const { from, say, table = KERNEL_TABLE, clock = nodeClock } = options;
  const learned = new LearnedRoutes();
  let routerId = -1;
  let cancelLoss = (): void => {};
  let cancelConfirm = (): void => {};
  let lastRefused = '';
  let isClosed = false;

  const settle = async (): Promise<void> => {
    const plan = planRoutes(await table.read(), learned.wanted, options);
    if (plan.refused.join() !== lastRefused) for (const line of plan.refused) say(`refused ${line}`);
    lastRefused = plan.refused.join();
    if (plan.commands.length === 0) return;
    try {
      await table.change(plan.commands);
    } catch (error) {
      // All or nothing: each line is undone by itself, since some of the lines were not carried out.
      for (const line of plan.undo) await table.change([line]).catch(() => {});
      throw error;
    }
    for (const line of plan.commands) say(line);
  };
  const enqueue = coalesce(() => settle().catch((error: unknown) => say(reasonOf(error))));
  const lose = (reason: string): void => {
    if (learned.isEmpty) return;
    learned.clear();
    say(`${from} ${reason}; its routes are withdrawn`);
    void enqueue();
  };
  const restartLossTimer = (): void => {
    cancelLoss();
    if (isClosed) return;
    cancelLoss = clock.after(ROUTE_LOSS_MS, () => {
      lose('has been silent for too long');
      void enqueue(); // also removes routes that an earlier run of this program left
    });
  };

  const take = ({ payload, source }: Message): void => {
    const message = decodeRoutes(payload);
    if (isClosed || message === null || message.operation === 'request') return;
    routerId = source.domid;
    restartLossTimer();
    if (learned.take(message)) ask();
    void enqueue();
  };

  /** Asks the router for its sets. Each set that does not come in time goes, and so does what an earlier run left. */
  const ask = (): void => {
    learned.doubt();
    cancelConfirm();
    cancelConfirm = clock.after(ROUTE_CONFIRM_MS, () => {
      if (learned.dropDoubted()) say(`${from} did not announce its routes again; they are withdrawn`);
      void enqueue();
    });
    const iov = encodeRoutes({ operation: 'request', generation: 0, gateway4: null, gateway6: null, routes: [] });
    vm.sendv({ to: { domain: from, port: ROUTE_PORT }, from: ROUTE_PORT, iov, deadline: ROUTE_DEADLINE_MS }).catch(
      (error: unknown) => {
        // The router may not run yet. It announces its sets when it starts.
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
  vm.on('revision', ask);
  vm.on('ring-closed', onRingClosed);
  const ring = keepOrderedRing(vm, { port: ROUTE_PORT, partner: from, length: CONTROL_RING_BYTES }, take, clock);
  const stop = (): void => {
    isClosed = true;
    vm.off('peer-gone', onGone);
    vm.off('reconnected', ask);
    vm.off('revision', ask);
    vm.off('ring-closed', onRingClosed);
    cancelLoss();
    cancelConfirm();
  };
  try {
    await registered(ring);
  } catch (error) {
    stop();
    throw error;
  }
  restartLossTimer();
  ask();
  return {
    close: async () => {
      stop();
      learned.clear();
      // The routes go first: a broker that does not answer must not keep them in the table.
      await enqueue();
      await ring.close();
    },
  };
}

/** Runs `work` one at a time; calls that come during a run share the one that follows it. */
function coalesce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const run = (): Promise<void> => {
    const current = work().finally(() => {
      if (running === current) running = null;
    });
    running = current;
    return current;
  };
  return () => {
    if (running === null) return run();
    next ??= running.then(() => {
      next = null;
      return run();
    });
    return next;
  };
}
