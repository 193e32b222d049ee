/**
 * A ring that is wanted for as long as an endpoint runs: registered again when policy closed it and may allow it now, and
 * read by one handler.
 */
import { type Clock, nodeClock } from '../../../broker/base/index.ts';
import { ArgusError, type Message, type Ring, type Vm } from '../../sdk/index.ts';

/** The part of a `Vm` that an endpoint works with. */
export type DomainSession = Pick<Vm, 'name' | 'state' | 'on' | 'off' | 'registerRing' | 'sendv' | 'flow'>;

export interface KeptRing {
  /**
   * Resolves when the ring is registered for the first time; rejects when it is refused. The ring is asked for again all
   * the same: a caller that gives up closes it.
   */
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

/** The handler's promise is awaited before the next message, so messages that the handler cannot take stay in the ring. */
export function keepRing(
  vm: DomainSession,
  wish: RingWish,
  handle: (message: Message) => void | Promise<void>,
  clock: Clock = nodeClock,
): KeptRing {
  return keep(vm, wish, clock, async (ring) => {
    for await (const message of ring) {
      const pending = handle(message);
      if (pending !== undefined) await pending;
    }
  });
}

/**
 * Calls the handler during delivery, so messages and the session's events (`peer-gone`, `ring-closed`) come in the order in
 * which the broker sent them. The payload is lent for the call: a handler copies what it keeps.
 */
export function keepOrderedRing(
  vm: DomainSession,
  wish: RingWish,
  take: (message: Message) => void,
  clock: Clock = nodeClock,
): KeptRing {
  return keep(vm, wish, clock, (ring) => ring.consume(take));
}

/** For a service that does not start without its ring: nothing of it goes on when the ring is refused. */
export async function registered(ring: KeptRing): Promise<void> {
  try {
    await ring.ready;
  } catch (error) {
    await ring.close();
    throw error;
  }
}

function keep(vm: DomainSession, wish: RingWish, clock: Clock, read: (ring: Ring) => Promise<void>): KeptRing {
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
        if (isClosed) await ring.close();
        else await read(ring);
      } catch (error) {
        if (!(error instanceof ArgusError)) throw error;
        if (vm.state === 'closed' || vm.state === 'closing') return;
      }
      if (isClosed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        clock.after(RETRY_MS, resolve);
      });
      if (isClosed) return;
      registering = vm.registerRing(wish);
      registering.catch(() => {}); // the loop looks at it
    }
  })();
  return {
    ready: first.then(() => {}),
    close: async () => {
      isClosed = true;
      vm.off('revision', onRevision);
      wake();
      if (vm.state === 'connected') await ring?.close().catch(() => {}); // the ring may be gone already
      if (vm.state !== 'connected') return;
      await done;
    },
  };
}
