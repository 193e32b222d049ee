/** A domain whose looks for a new credential the test sets off. */
import { parseCarrier } from '../../../clients/sdk/carriers/carrier-spec.ts';
import { connectOver } from '../../../clients/sdk/connect.ts';
import type { Vm } from '../../../clients/sdk/index.ts';
import { CREDENTIAL_CHECK_MS } from '../../../clients/sdk/limits.ts';
import { resolveOptions } from '../../../clients/sdk/options.ts';
import { NODE_PLATFORM, type Platform } from '../../../clients/sdk/platform.ts';

export interface LookingDomain {
  readonly vm: Vm;
  readonly look: () => void;
}

export async function connectLooking(carrier: string, identity: string): Promise<LookingDomain> {
  const looks: (() => void)[] = [];
  const platform: Platform = {
    ...NODE_PLATFORM,
    schedule: (delayMs, task) => {
      if (delayMs !== CREDENTIAL_CHECK_MS) return NODE_PLATFORM.schedule(delayMs, task);
      looks.push(task);
      return () => void looks.splice(looks.indexOf(task), 1);
    },
  };
  const vm = await connectOver(parseCarrier(carrier), resolveOptions({ carrier, identity }), platform);
  const look = (): void => {
    for (const task of looks.splice(0)) task();
  };
  return { vm, look };
}
