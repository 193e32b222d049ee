/**
 * A ring that is wanted for as long as an agent runs: registered again when policy has closed it and might allow it now,
 * and read by one handler. A handler that returns a promise is waited for, so what it cannot take stays in the ring.
 */
import { ArgusError, type Message, type Ring, type Vm } from '../../sdk/index.ts';

export interface KeptRing {
  /** Resolves when the ring is registered for the first time; rejects when it is refused. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export interface RingWish {
  readonly port: number;
  readonly partner: string;
  readonly length: number;
}

/** How often a refused ring is asked for again when no new policy was announced. */
const RETRY_MS = 2_000;

export function keepRing(vm: Vm, wish: RingWish, handle: (message: Message) => void | Promise<void>): KeptRing {
  let ring: Ring | null = null;
  let isClosed = false;
  let wake = (): void => {};
  const onRevision = (): void => wake();
  vm.on('revision', onRevision);

  const first = vm.registerRing(wish);
  const done = (async () => {
    let registering: Promise<Ring> = first;
    while (!isClosed) {
      try {
        ring = await registering;
        for await (const message of ring) {
          const pending = handle(message);
          if (pending !== undefined) await pending;
        }
      } catch (error) {
        if (!(error instanceof ArgusError)) throw error;
        if (vm.state === 'closed' || vm.state === 'closing') return;
      }
      if (isClosed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, RETRY_MS).unref();
      });
      registering = vm.registerRing(wish);
      registering.catch(() => {}); // looked at in the loop
    }
  })();
  return {
    ready: first.then(() => {}),
    close: async () => {
      isClosed = true;
      vm.off('revision', onRevision);
      wake();
      if (vm.state === 'connected') await ring?.close().catch(() => {}); // a ring that is gone is what we want
      if (vm.state !== 'connected') return;
      await done;
    },
  };
}
