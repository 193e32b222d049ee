/** The broker's inspector for vsock packets: the permission of each operation, and every way to be no packet. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTORS, MALFORMED } from '../../../broker/core/inspectors/index.ts';
import type { Domain } from '../../../policy/contract/index.ts';
import { fuzzUntil } from '../../support/seed.ts';

const inspector = suite('vsock inspector');
const vsock = INSPECTORS.get('vsock');
/** The inspector does not look at the source. */
const NOBODY = {} as Domain;

function header(changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const bytes = new Uint8Array(24);
  bytes.set([1, 5, 1, 0]);
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  return bytes;
}

function permissionOf(bytes: Uint8Array): string {
  assert.ok(vsock);
  const framed = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(3, 0xff)]);
  const index = vsock.inspect(framed, 3, 3 + bytes.length, NOBODY);
  return index === MALFORMED ? 'malformed' : (vsock.permissions[index] ?? 'none');
}

const CASES: readonly [rule: string, bytes: Uint8Array, permission: string][] = [
  ['a request asks for connect', header({ 1: 1 }), 'connect'],
  ['its acceptance asks for listen', header({ 1: 2 }), 'listen'],
  ['a reset asks for send', header({ 1: 3 }), 'send'],
  ['a shutdown of both halves asks for send', header({ 1: 4, 12: 3 }), 'send'],
  ['data asks for send', Buffer.concat([header(), Buffer.alloc(65_536)]), 'send'],
  ['credit asks for send', header({ 1: 7 }), 'send'],
  ['the end of a SEQPACKET record asks for send', header({ 2: 2, 12: 3 }), 'send'],
  ['less than a header', header().subarray(0, 23), 'malformed'],
  ['more than the largest packet', Buffer.concat([header(), Buffer.alloc(65_537)]), 'malformed'],
  ['another version', header({ 0: 2 }), 'malformed'],
  ['operation 0', header({ 1: 0 }), 'malformed'],
  ['operation 8', header({ 1: 8 }), 'malformed'],
  ['type 0', header({ 2: 0 }), 'malformed'],
  ['type 3', header({ 2: 3 }), 'malformed'],
  ['type 257', header({ 3: 1 }), 'malformed'],
  ['a request with a payload', Buffer.concat([header({ 1: 1 }), Buffer.alloc(1)]), 'malformed'],
  ['a shutdown with more flags', header({ 1: 4, 12: 4 }), 'malformed'],
  ['stream data with flags', header({ 12: 1 }), 'malformed'],
  ['flags in the second byte', header({ 1: 4, 13: 1 }), 'malformed'],
  ['flags in the third byte', header({ 1: 4, 14: 1 }), 'malformed'],
  ['flags in the last byte', header({ 1: 4, 15: 1 }), 'malformed'],
];

for (const [rule, bytes, permission] of CASES) {
  inspector(`${rule}${permission === 'malformed' ? ' is refused' : ''}`, () =>
    assert.is(permissionOf(bytes), permission),
  );
}

inspector('any bytes have a permission or are malformed', async () => {
  await fuzzUntil(
    (random) => {
      const bytes = random.oneIn(2)
        ? random.bytes(random.below(64))
        : random.mutate(header({ 1: 1 + random.below(7) }));
      assert.ok(['malformed', 'connect', 'listen', 'send'].includes(permissionOf(bytes)));
    },
    Number(process.env.FUZZ_SECONDS ?? 2) / 4,
  );
});

inspector.run();
