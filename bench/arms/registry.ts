/** From an arm's name to its code. Loaded on demand, so that a client process holds the library of its own arm only. */
import type { Arm, ArmName } from './arm.ts';

const LOADERS: Readonly<Record<ArmName, () => Promise<Arm>>> = {
  'argus-unix': async () => (await import('./argus.ts')).argusUnix,
  'argus-nats': async () => (await import('./argus-nats.ts')).argusNats,
  'argus-nats-plain': async () => (await import('./argus-nats.ts')).argusNatsPlain,
  'argus-brokers': async () => (await import('./argus-brokers.ts')).argusBrokers,
  'raw-relay': async () => (await import('./raw-relay.ts')).rawRelay,
  nats: async () => (await import('./nats.ts')).nats,
  'nats-tls': async () => (await import('./nats.ts')).natsTls,
  socat: async () => (await import('./socat.ts')).socat,
  vsock: async () => (await import('./socat.ts')).vsock,
  'mosquitto-tls': async () => (await import('./mosquitto.ts')).mosquittoTls,
};

export function loadArm(name: ArmName): Promise<Arm> {
  return LOADERS[name]();
}
