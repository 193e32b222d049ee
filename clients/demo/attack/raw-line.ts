/** The bare byte pipe of a carrier, without a session, as an attacker uses it. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import {
  dialNats,
  domainSubjects,
  loadNatsEnd,
  NatsCarrierError,
  PIPE_ID_BYTES,
  parseNatsAddress,
} from '../../../broker/carrier/index.ts';

/**
 * @param carrier unix:/path or nats://host:port/broker
 * @param speakAs the domain whose subject is published to
 * @param hearAs the domain whose subject is subscribed to
 * @param identity directory with nkey and CA where the carrier does not name them
 * @throws NatsCarrierError when the server refuses
 */
export async function openPipe(carrier: string, speakAs: string, hearAs: string, identity: string): Promise<Duplex> {
  if (carrier.startsWith('unix:')) return connect(carrier.slice('unix:'.length));
  const address = parseNatsAddress(carrier);
  const broker = address.broker ?? '';
  const subjects = { up: domainSubjects(broker, speakAs).up, down: domainSubjects(broker, hearAs).down };
  const id = randomBytes(PIPE_ID_BYTES).readUIntBE(0, PIPE_ID_BYTES);
  const line = new Duplex({ read() {} });
  const pipe = await dialNats(await loadNatsEnd(address, identity), 'rogue-vm', subjects, id, {
    onChunk: (chunk) => line.push(Uint8Array.from(chunk)),
    onDrain: () => {},
    onClosed: (error) => line.destroy(error ?? undefined),
  });
  line._write = (chunk: Uint8Array, _encoding, done) => {
    pipe.write([Uint8Array.from(chunk)]);
    done();
  };
  line._destroy = (error, done) => {
    pipe.destroy();
    done(error);
  };
  return line;
}

/** The refusal of the NATS server; null when it allowed the attempt. */
export async function refusedByServer(attempt: () => Promise<Duplex>): Promise<string | null> {
  try {
    const line = await attempt();
    const refusal = await new Promise<Error | null>((resolve) => {
      line.once('error', resolve);
      line.once('data', () => resolve(null));
      line.once('close', () => resolve(null));
      line.write(randomBytes(64));
    });
    line.destroy();
    return refusal === null ? null : saying(refusal);
  } catch (error) {
    return saying(error);
  }
}

function saying(error: unknown): string {
  if (error instanceof NatsCarrierError && error.code === 'ERR_NATS_DENIED') return 'denied by nats-server';
  throw error;
}
