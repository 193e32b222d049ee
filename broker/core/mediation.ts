/**
 * Mediation: the one place of the core where "may this message pass?" is asked.
 *
 * All operations that need the answer ask here: a send, a queued message that is decided again after a policy change, a
 * query of notify, and the resolution of a name. The question has three parts, in this order:
 *
 *   argo:send            may the sender address the receiver at all?
 *   the inspector        which permission of the port's class does this message ask for?
 *   the service class    does the sender have that permission?
 *
 * The answer to the first part, and the inputs of the other two, depend on (sender, receiver, port) only. A route
 * caches them in a `Mediation`, so nothing is allocated per message. Only this file talks to the monitor (test/arch
 * checks it).
 */
import type {
  AccessVector,
  CompiledPolicy,
  Decision,
  Denial,
  Domain,
  ServiceClass,
} from '../../policy/contract/index.ts';
import { invariant } from '../base/index.ts';
import { type AddressChoice, INSPECTORS, type Inspector, UNFIT_REASONS } from './inspectors/index.ts';

/** The answers that do not depend on the message. */
export interface Mediation {
  /** Hook `argo:send`. For a receiver that does not exist it is an ordinary denial. */
  readonly send: Decision;
  /** Null when `send` denies: the other parts are not evaluated. */
  readonly service: Service | null;
}

/** The service at the receiver's port, as decided for this sender. */
export interface Service {
  readonly sender: Domain;
  readonly serviceClass: ServiceClass;
  readonly inspector: Inspector;
  readonly neighbours: AddressChoice;
  /** Hook of the service class: one decision per permission. */
  readonly vector: AccessVector;
  readonly malformed: Denial;
  /** By `-1 - result` of the inspector. */
  readonly unfit: readonly Denial[];
}

/** Hook `argo:send` alone. A receiver that does not exist is a denial, and takes the same work to find. */
export function maySend(policy: CompiledPolicy, sender: Domain, receiver: Domain | undefined): Decision {
  const { monitor } = policy;
  return receiver === undefined ? monitor.unknownDestination(sender) : monitor.send(sender, receiver);
}

export function mediationOf(
  policy: CompiledPolicy,
  neighbours: AddressChoice,
  sender: Domain,
  receiver: Domain | undefined,
  port: number,
): Mediation {
  const send = maySend(policy, sender, receiver);
  if (receiver === undefined || !send.allowed) return { send, service: null };
  const serviceClass = policy.classes.of(receiver, port);
  const inspector = INSPECTORS.get(serviceClass.inspector);
  invariant(
    inspector !== undefined,
    `no inspector ${serviceClass.inspector}: the policy loader should have refused it`,
  );
  return {
    send,
    service: {
      sender,
      serviceClass,
      inspector,
      neighbours,
      vector: policy.monitor.vector(sender, receiver, serviceClass),
      malformed: policy.monitor.unfit(sender, receiver, serviceClass, 'MALFORMED'),
      unfit: UNFIT_REASONS.map((reason) => policy.monitor.unfit(sender, receiver, serviceClass, reason)),
    },
  };
}

/** The permission that the message in `bytes[start, end)` asks for, as its class numbers them; negative = it does not fit. */
export function permissionOf(service: Service, bytes: Uint8Array, start: number, end: number): number {
  return service.inspector.inspect(bytes, start, end, service.sender, service.neighbours);
}

/** The decision about `permission`, a number that `permissionOf` returned. */
export function decide(service: Service, permission: number): Decision {
  return service.vector.decisions[permission] ?? service.unfit[-1 - permission] ?? service.malformed;
}

/** The whole question, for the message in `bytes[start, end)`. */
export function mediate({ send, service }: Mediation, bytes: Uint8Array, start: number, end: number): Decision {
  return service === null ? send : decide(service, permissionOf(service, bytes, start, end));
}
