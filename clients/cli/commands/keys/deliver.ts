/** Gives the revocation list, and what the register says, to brokers over their control sockets. */
import { reasonOf } from '../../../../broker/base/index.ts';
import { BrokerError, callControl } from '../../../../broker/index.ts';
import type { Authority } from '../../../../keys/index.ts';
import { announceRegister } from '../../../host/index.ts';

export interface Delivery {
  readonly control: string;
  /** Sessions that were ended at once. */
  readonly ended: number;
}

/** To all of them, also when one fails. @throws BrokerError that names those which have not got it */
export async function deliver(jws: string, controls: readonly string[]): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  const failures: string[] = [];
  for (const control of controls) {
    try {
      const { ok, body } = await callControl(control, 'POST', '/v1/keys/revocations', { list: jws });
      const { ended = 0, message = '' } = body as { readonly ended?: number; readonly message?: string };
      if (ok) deliveries.push({ control, ended });
      else failures.push(`"${control}" refused it: ${message}`);
    } catch (error) {
      failures.push(reasonOf(error));
    }
  }
  if (failures.length > 0)
    throw new BrokerError(
      'ERR_BROKER_CONTROL',
      `the list is signed, but not in force everywhere: ${failures.join('; ')}; then run argus keys publish again`,
    );
  return deliveries;
}

/**
 * The list first: a session with a revoked key ends before anything is written. Then the register, for their audit logs.
 *
 * @param jws the list; null: there is none
 * @throws BrokerError that names the brokers that do not have the list, or the register
 */
export async function deliverBoth(
  authority: Authority,
  jws: string | null,
  controls: readonly string[],
): Promise<readonly Delivery[]> {
  const deliveries = jws === null ? [] : await deliver(jws, controls);
  for (const control of controls) await announceRegister(authority, control);
  return deliveries;
}

export function describeDeliveries(deliveries: readonly Delivery[], authority: string | null): readonly string[] {
  if (deliveries.length > 0 || authority === null)
    return deliveries.map(({ control, ended }) => `in force at ${control}: ${ended} sessions ended`);
  return [
    'No broker knows it yet. Next, on the host of each broker:',
    `  argus keys publish --authority ${authority} --control /run/argus/control.sock`,
    'or carry revocations.jws there and: argus keys publish --list FILE --control SOCKET',
  ];
}
