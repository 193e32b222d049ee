/** Every frame there is, at random. */
import fc from 'fast-check';
import { type BrokerFrame, type DomainFrame, Op, Status } from '../../broker/wire/index.ts';

const u16 = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 1, 0x7ff4, 0xffff));
const status = fc.constantFrom(...Object.values(Status));
export const u32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 0x7fff_ffff, 0xffff_ffff));
const commitment = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.string({ unit: fc.constantFrom(...'abcdefghij0123456789-'), minLength: 0, maxLength: 63 });
const label = name.map((text) => `@${text}`);
const id = u32;
const op = <T extends number>(value: T): fc.Arbitrary<T> => fc.constant(value);

const query = fc.record({ domid: u16, pad: u16, port: u32, spaceRequired: u32 });
const answer = fc.record({ flags: u16, maxMessageSize: u32 });

export const domainFrame: fc.Arbitrary<DomainFrame> = fc.oneof(
  fc.record({ op: op(Op.ready), commitment }),
  fc.record({ op: op(Op.registerRing), id, port: u32, partner: u16, pad: u16, length: u32, flags: u32, unread: u32 }),
  fc.record({ op: op(Op.unregisterRing), id, port: u32, partner: u16, pad: u16 }),
  fc.record({ op: op(Op.notify), id, queries: fc.oneof(fc.constant(null), fc.array(query, { maxLength: 257 })) }),
  fc.record({ op: op(Op.credit), ring: u32, bytes: u32 }),
  fc.record({ op: op(Op.resolve), id, name }),
  fc.record({ op: op(Op.ping), id }),
  fc.record({ op: op(Op.pong), id }),
  fc.record({ op: op(Op.credential), id, statement: name }),
);

export const brokerFrame: fc.Arbitrary<BrokerFrame> = fc.oneof(
  fc.record({ op: op(Op.welcome), commitment, domid: u16, revision: u32, name, broker: name }),
  fc.record({ op: op(Op.reply), id, status, value: u32 }),
  fc.record({ op: op(Op.notified), id, status, answers: fc.array(answer, { maxLength: 256 }) }),
  fc.record({ op: op(Op.ack), through: u32 }),
  fc.record({ op: op(Op.refused), id, status, maxMessageSize: u32 }),
  fc.record({ op: op(Op.introduce), domid: u16, name, labels: fc.array(label, { maxLength: 64 }) }),
  fc.record({ op: op(Op.space), domid: u16, port: u32 }),
  fc.record({ op: op(Op.peerGone), domid: u16, port: u32, messages: u32, bytes: u32 }),
  fc.record({ op: op(Op.revoked), domid: u16, port: u32, messages: u32, bytes: u32 }),
  fc.record({ op: op(Op.ringClosed), ring: u32, status }),
  fc.record({ op: op(Op.revision), revision: u32 }),
  fc.record({ op: op(Op.brokerPing), id }),
  fc.record({ op: op(Op.brokerPong), id }),
);
