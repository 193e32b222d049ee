/** Carriers over a NATS server: `nats://host:port/broker`. The library is loaded when one is opened, not before. */
import { randomBytes } from 'node:crypto';
import { ArgusError } from '../errors.ts';
import type { CarrierEvents, CarrierOwner, ClientCarrier } from './carrier.ts';

export async function openNats(
  spec: string,
  events: CarrierEvents,
  signal: AbortSignal,
  owner: CarrierOwner,
): Promise<ClientCarrier> {
  const { dialNats, domainSubjects, loadNatsEnd, PIPE_ID_BYTES, parseNatsAddress } = await import(
    '../../../broker/carrier/index.ts'
  );
  const address = parseNatsAddress(spec);
  const broker = address.broker ?? owner.broker;
  if (broker === null)
    throw new ArgusError(
      'ERR_CLIENT_CARRIER',
      `carrier "${spec}": which broker? nats://host:port/NAME, or the option "broker"`,
    );
  if (owner.directory === null && (address.seed === null || address.ca === null))
    throw new ArgusError(
      'ERR_CLIENT_CARRIER',
      `carrier "${spec}": give ?seed= and ?ca=, or the identity as a directory`,
    );
  const end = await loadNatsEnd(address, owner.directory ?? '');
  const id = randomBytes(PIPE_ID_BYTES).readUIntLE(0, PIPE_ID_BYTES);
  const pipe = await dialNats(end, `argus domain ${owner.domain}`, domainSubjects(broker, owner.domain), id, {
    onChunk: (chunk) => events.onBytes(chunk),
    onDrain: () => events.onDrain(),
    onClosed: (error) => {
      signal.removeEventListener('abort', abort);
      events.onClose(error);
    },
  });
  const abort = (): void => pipe.destroy();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) {
    pipe.destroy();
    throw signal.reason;
  }
  return {
    get isCongested() {
      return pipe.isCongested;
    },
    write: (record, onWritten) => void pipe.write([record], onWritten),
    end: () => pipe.end(),
    destroy: () => pipe.destroy(),
  };
}
