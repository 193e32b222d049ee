/** The cutting of what a NATS server sends is the same however its bytes are split, and survives whatever they are. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_PAYLOAD_BYTES, MAX_SERVER_LINE_BYTES } from '../../broker/carrier/nats/limits.ts';
import { ServerStream } from '../../broker/carrier/nats/line/server-stream.ts';
import { seededRandom } from '../support/seed.ts';

interface Heard {
  readonly messages: string[];
  readonly lines: string[];
  readonly isSound: boolean;
}

function hear(...chunks: readonly Uint8Array[]): Heard {
  const [messages, lines]: [string[], string[]] = [[], []];
  const stream = new ServerStream({
    onMessage: (payload) => messages.push(Buffer.from(payload).toString('latin1')),
    onForeign: () => {},
    onLine: (line) => lines.push(Buffer.from(line).toString('latin1')),
  });
  const isSound = chunks.every((chunk) => stream.push(chunk));
  return { messages, lines, isSound };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const message = (payload: string): string => `MSG argus.host.down.a 1 ${payload.length}\r\n${payload}\r\n`;

const stream = suite('nats server stream');

stream('messages come without their line, other lines whole', () => {
  const said = `INFO {"a":1}\r\nPONG\r\n${message('one')}${message('')}PING\r\n-ERR 'x'\r\n${message('a\r\nMSG b')}`;
  assert.equal(hear(bytes(said)), {
    messages: ['one', '', 'a\r\nMSG b'],
    lines: ['INFO {"a":1}\r\n', 'PONG\r\n', 'PING\r\n', "-ERR 'x'\r\n"],
    isSound: true,
  });
});

stream('a message with a reply subject is one, a message with headers is passed over', () => {
  const said = `MSG s 1 _INBOX.r 2\r\nhi\r\nHMSG s 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPONG\r\n`;
  assert.equal(hear(bytes(said)), { messages: ['hi'], lines: ['PONG\r\n'], isSound: true });
});

stream('however the bytes are split, the same is heard', () => {
  const random = seededRandom();
  const below = (limit: number): number => random.uint32() % limit;
  for (let round = 0; round < 200; round++) {
    let said = '';
    for (let i = 0; i < 20; i++)
      said +=
        below(4) === 0 ? `-ERR ${'x'.repeat(below(9))}\r\n` : message('ab\r\n'.repeat(below(i === 7 ? 1_000 : 40)));
    const whole = bytes(said);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < whole.length; ) {
      const until = at + 1 + below(round % 2 === 0 ? 9 : 3_000);
      chunks.push(whole.subarray(at, until));
      at = until;
    }
    assert.equal(hear(...chunks), hear(whole));
  }
});

for (const [label, said] of [
  ['a size that is no number', 'MSG s 1 x\r\n'],
  ['a negative size', 'MSG s 1 -1\r\n'],
  ['no size', 'MSG\r\n'],
  ['a size beyond what is ever asked for', `MSG s 1 ${MAX_PAYLOAD_BYTES + 1}\r\n`],
  ['a size with more digits than a number holds', `MSG s 1 ${'9'.repeat(400)}\r\n`],
  ['a line without a carriage return', 'MSG s 1 1\n'],
  ['a payload longer than announced', 'MSG s 1 1\r\nabc\r\n'],
  ['a line that no server says', 'SSH-2.0-OpenSSH\r\n'],
  ['a line without an end', 'I'.repeat(MAX_SERVER_LINE_BYTES + 1)],
] as const) {
  stream(`${label} ends it`, () => {
    const { messages, isSound } = hear(bytes(said), bytes(message('more')));
    assert.equal({ messages, isSound }, { messages: [], isSound: false });
  });
}

stream('never throws on noise, and holds no more than one line or one message of it', () => {
  const random = seededRandom();
  for (let round = 0; round < 2_000; round++) {
    const noise = Uint8Array.from({ length: random.uint32() % 90 }, () => random.uint32() & 0xff);
    hear(bytes('MSG '), noise, bytes(' 3\r\n'), noise);
    hear(noise, noise);
  }
});

stream.run();
