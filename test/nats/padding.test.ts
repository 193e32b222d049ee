import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BATCH_BYTES,
  MAX_PAYLOAD_BYTES,
  TLS_FRAGMENT_BYTES,
  TLS_RECORD_BYTES,
} from '../../broker/carrier/nats/limits.ts';
import { MAX_PADDING_BYTES, paddingOf } from '../../broker/carrier/nats/line/padding.ts';
import { MESSAGE_HEADER_BYTES } from '../../broker/carrier/nats/pipe/message.ts';

const test = suite('padding of messages over TLS');

const SHORTEST_HEAD = 'PUB argus.a.up.b ';
const SIZE_AND_ENDS = '16272\r\n\r\n'.length;

test('a full fragment fills one TLS record, whatever its subject', () => {
  for (let subject = 0; subject < MAX_PADDING_BYTES; subject++) {
    const bytes = SHORTEST_HEAD.length + subject + SIZE_AND_ENDS + MESSAGE_HEADER_BYTES + TLS_FRAGMENT_BYTES;
    if (bytes <= TLS_RECORD_BYTES) assert.is(bytes + paddingOf(bytes), TLS_RECORD_BYTES);
    else assert.is(paddingOf(bytes), 0);
  }
});

test('shorter and longer messages are sent as they are', () => {
  for (const bytes of [40, 1_000, TLS_RECORD_BYTES - MAX_PADDING_BYTES - 1, TLS_RECORD_BYTES, MAX_PAYLOAD_BYTES])
    assert.is(paddingOf(bytes), 0);
});

test('a full record of six fragments is one write', () => {
  assert.ok(6 * TLS_RECORD_BYTES <= BATCH_BYTES);
});

test.run();
