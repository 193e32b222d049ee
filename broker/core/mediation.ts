/**
 * Mediation: the one place of the core where "may this message pass?" is asked.
 *
 * Everything that needs the answer comes here: a send, a message that is decided again after a change of policy, a query
 * of notify, and a name that is resolved. The question has three parts, in this order:
 *
 *   argo:send            may the sender address the receiver at all?
 *   the inspector        which permission of the port's class does this message ask for?
 *   the service class    does the sender have that permission?
 *
 * The first and all that is needed for the others depends on (sender, receiver, port) only, so a route keeps it in a
 * `Mediation`; per message nothing is allocated. The conversation with the monitor is in this file alone (test/arch).
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
import { INSPECTORS, type Inspector } from './inspectors/index.ts';

/** The answers that do not depend on the message. */
export interface Mediation {
  /** Hook `argo:send`. For a receiver that does not exist it is a denial like any other. */
  readonly send: Decision;
  /** Null when `send` denies: nothing further is looked at. */
  readonly service: Service | null;
}

/** What the port of the receiver means to the sender. */
export interface Service {
  readonly sender: Domain;
  readonly serviceClass: ServiceClass;
  readonly inspector: Inspector;
  /** Hook of the service class: one decision per permission. */
  readonly vector: AccessVector;
  readonly malformed: Denial;
}

/** Hook `argo:send` alone. A receiver that does not exist is a denial, found by the same work. */
export function maySend(policy: CompiledPolicy, sender: Domain, receiver: Domain | undefined): Decision {
  const { monitor } = policy;
  return receiver === undefined ? monitor.unknownDestination(sender) : monitor.send(sender, receiver);
}

export function mediationOf(
  policy: CompiledPolicy,
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
      vector: policy.monitor.vector(sender, receiver, serviceClass),
      malformed: policy.monitor.malformed(sender, receiver, serviceClass),
    },
  };
}

/** The permission that the message in `bytes[start, end)` asks for, as its class numbers them; negative = malformed. */
export function permissionOf(service: Service, bytes: Uint8Array, start: number, end: number): number {
  return service.inspector.inspect(bytes, start, end, service.sender);
}

/** The decision about `permission`, a number that `permissionOf` returned. */
export function decide(service: Service, permission: number): Decision {
  return service.vector.decisions[permission] ?? service.malformed;
}

/** The whole question, for the message in `bytes[start, end)`. */
export function mediate({ send, service }: Mediation, bytes: Uint8Array, start: number, end: number): Decision {
  return service === null ? send : decide(service, permissionOf(service, bytes, start, end));
}
