import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS } from '../../../../broker/core/inspectors/index.ts';
import { MessageType, Option } from '../../../../clients/agents/network/dhcp/constants.ts';
import {
  addressOption,
  cleanDhcp,
  type DhcpMessage,
  decodeDhcp,
  encodeDhcp,
  messageTypeOf,
} from '../../../../clients/agents/network/dhcp/message.ts';
import { fuzzUntil, seeded } from '../../../support/seed.ts';
import { networkDomains } from '../domains.ts';
import { dhcpMessage } from '../packets.ts';

const codec = suite('the codec of DHCP messages');
const CHROME = '02:00:00:00:01:01';
const u32 = fc.nat({ max: 0xffff_ffff });
const bytes = (max: number) => fc.uint8Array({ maxLength: max });
const nonZero = (max: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: max }).map((list) => Uint8Array.from(list));

const anyMessage: fc.Arbitrary<DhcpMessage> = fc.record(
  {
    op: fc.constantFrom(1, 2),
    htype: fc.nat(255),
    hops: fc.nat(255),
    xid: u32,
    secs: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    ciaddr: u32,
    yiaddr: u32,
    siaddr: u32,
    giaddr: u32,
    chaddr: bytes(16),
    sname: nonZero(64),
    file: nonZero(128),
    options: fc
      .uniqueArray(
        fc.tuple(
          fc.integer({ min: 1, max: 254 }).filter((code) => code !== Option.overload),
          bytes(300),
        ),
        {
          selector: ([code]) => code,
          maxLength: 3,
        },
      )
      .map((list) => new Map(list)),
  },
  { noNullPrototype: true },
);

codec('what is encoded is decoded the same, long options in pieces included', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      assert.equal(decodeDhcp(encodeDhcp(message, 1472)), message);
    }),
    seeded({ numRuns: 300 }),
  );
});

codec('options that do not fit go into file and sname, and come back from there', () => {
  const base = decodeDhcp(dhcpMessage({ chaddr: CHROME, op: 2, type: 2 }));
  if (base === null) throw new Error('not decoded');
  const options = new Map([
    [Option.messageType, Uint8Array.of(2)],
    [Option.domainName, new Uint8Array(200).fill(97)],
    [Option.vendorClass, new Uint8Array(100).fill(98)],
    [Option.hostName, new Uint8Array(50).fill(99)],
  ] as [number, Uint8Array][]);
  const encoded = encodeDhcp({ ...base, options }, 450);
  assert.ok(encoded.length <= 450);
  assert.equal(new Map([...(decodeDhcp(encoded)?.options ?? [])].sort()), new Map([...options].sort()));
});

codec('what fits nowhere is left out, the last first', () => {
  const base = decodeDhcp(dhcpMessage({ chaddr: CHROME, op: 2, type: 2 }));
  if (base === null) throw new Error('not decoded');
  const options = new Map<number, Uint8Array>([
    [Option.messageType, Uint8Array.of(5)],
    ...[200, 201, 202].map((code): [number, Uint8Array] => [code, new Uint8Array(120)]),
  ]);
  const decoded = decodeDhcp(encodeDhcp({ ...base, options }, 300));
  assert.is(decoded === null ? null : messageTypeOf(decoded), MessageType.ack);
  assert.ok((decoded?.options.size ?? 9) < 4);
});

codec('a message is never shorter than BOOTP’s 300 bytes', () => {
  const base = decodeDhcp(dhcpMessage({ chaddr: CHROME }));
  if (base === null) throw new Error('not decoded');
  assert.is(encodeDhcp(base, 548).length, 300);
});

const MALFORMED: readonly (readonly [label: string, message: Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['239 bytes', dhcpMessage({ chaddr: CHROME }).slice(0, 239)],
  ['more than a frame holds', Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), ...new Array(1300).fill(0)])],
  ['another op', dhcpMessage({ chaddr: CHROME, op: 3 })],
  ['a hardware address of 17 bytes', dhcpMessage({ chaddr: CHROME }).fill(17, 2, 3)],
  ['another cookie', dhcpMessage({ chaddr: CHROME }).fill(0, 236, 240)],
  ['an option beyond the end', dhcpMessage({ chaddr: CHROME, options: [12, 9], isOpen: true })],
  ['overload of 0', dhcpMessage({ chaddr: CHROME, options: [52, 1, 0] })],
  ['overload inside an overloaded field', dhcpMessage({ chaddr: CHROME, options: [52, 1, 1], file: [52, 1, 2, 255] })],
];
for (const [label, message] of MALFORMED) codec(`${label} is no message`, () => assert.is(decodeDhcp(message), null));

codec('a message without an end mark is read to its end, one with an end mark to there', () => {
  const options = (message: Uint8Array): number[] => [...(decodeDhcp(message)?.options.keys() ?? [])];
  assert.equal(options(dhcpMessage({ chaddr: CHROME, options: [12, 1, 65], isOpen: true })), [53, 12]);
  const behind = Uint8Array.from([...dhcpMessage({ chaddr: CHROME }), 12, 1, 65, 255, 255]);
  assert.equal(options(behind), [53]);
});

codec('rewritten for a server that is not ours: nothing behind the end, no identifier but the MAC', () => {
  const clean = (options: readonly number[], tail: readonly number[] = []): string => {
    const message = decodeDhcp(Uint8Array.from([...dhcpMessage({ chaddr: CHROME, options }), ...tail]));
    if (message === null) throw new Error('not decoded');
    return Buffer.from(cleanDhcp(message).subarray(240))
      .toString('hex')
      .replace(/(00)+$/, '');
  };
  assert.is(clean([12, 1, 65], [12, 1, 66, 7, 7]), '3501010c0141ff');
  assert.is(clean([61, 7, 1, 2, 0, 0, 0, 1, 1]), '3501013d0701020000000101ff');
  assert.is(clean([61, 5, 255, 9, 9, 9, 9]), '350101ff', 'another client’s DUID would get its lease');
});

codec('addresses and types of another length than theirs are not there', () => {
  const message = decodeDhcp(dhcpMessage({ chaddr: CHROME, type: 0, options: [53, 2, 1, 1, 50, 3, 1, 2, 3] }));
  if (message === null) throw new Error('not decoded');
  assert.is(messageTypeOf(message), null);
  assert.is(addressOption(message, Option.requestedAddress), null);
});

codec('whatever the inspector lets pass is a message here, and of the type it named', async () => {
  const inspector = INSPECTORS.get('dhcp');
  const chrome = (await networkDomains())('chrome-vm');
  if (inspector === undefined) throw new Error('no such inspector');
  await fuzzUntil((random) => {
    const seed = dhcpMessage({
      chaddr: CHROME,
      type: 1 + random.below(8),
      options: random.pick([[], [61, 7, 1, 2, 0, 0, 0, 1, 1], [52, 1, 3], [55, 3, 1, 3, 6]]),
      file: [12, 2, 97, 98, 255],
      sname: [255],
    });
    const mutant = random.oneIn(4) ? seed : random.mutate(seed);
    const decoded = decodeDhcp(mutant);
    const index = inspector.inspect(mutant, 0, mutant.length, chrome);
    if (index >= 0) assert.is(decoded === null ? null : messageTypeOf(decoded), index + 1);
  });
});

codec.run();
