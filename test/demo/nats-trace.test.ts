/** What is read out of a nats-server's trace, and what is looked for in it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recordingPcm } from '../../clients/demo/audio/recording.ts';
import { RecordingSearch } from '../../clients/demo/carriers/nats-search.ts';
import { type Published, Trace, unquote } from '../../clients/demo/carriers/nats-trace.ts';
import { seededRandom } from '../support/seed.ts';

const trace = suite('nats trace');
const random = seededRandom(5);

const line = (client: number, text: string): string =>
  `[7] 2026/01/01 12:00:00.000001 [TRC] 127.0.0.1:50000 - cid:${client} - "argus:nats" - <<- ${text}`;

function read(lines: readonly string[]): { readonly published: readonly Published[]; readonly unreadable: number } {
  const published: Published[] = [];
  const reader = new Trace((message) => published.push(message));
  for (const each of lines) reader.push(each);
  return { published, unreadable: reader.unreadable };
}

const QUOTED: readonly (readonly [quoted: string, bytes: Uint8Array])[] = [
  ['', Buffer.alloc(0)],
  ['plain', Buffer.from('plain')],
  ['\\x00\\xff\\a\\b\\f\\n\\r\\t\\v', Buffer.of(0, 255, 7, 8, 12, 10, 13, 9, 11)],
  ['\\"\\\\x41', Buffer.from('"\\x41')],
  ['é€\\u200b\\U000e0001', Buffer.from('é€\u200b\u{e0001}')],
  ['\\xe2\\x82', Buffer.of(0xe2, 0x82)],
];
for (const [quoted, bytes] of QUOTED)
  trace(`"${quoted}" is read as Go has written it`, () => assert.equal(unquote(quoted), bytes));

trace('a message belongs to the operation before it of the same client, however clients mix', () => {
  const { published, unreadable } = read([
    line(4, '[CONNECT {"verbose":false}]'),
    line(4, '[PUB argus.host.up.one 3]'),
    line(5, '[PUB argus.host.up.two 0]'),
    line(4, 'MSG_PAYLOAD: ["a\\x00]"]'),
    line(5, 'MSG_PAYLOAD: [""]'),
    line(4, '[PING]'),
    '[7] 2026/01/01 12:00:00.000001 [INF] Server is ready',
    line(5, '[SUB argus.host.down.two 1]').replace('<<-', '->>'),
  ]);
  assert.is(unreadable, 0);
  assert.equal(published, [
    { subject: 'argus.host.up.one', payload: Buffer.from('a\0]') },
    { subject: 'argus.host.up.two', payload: Buffer.alloc(0) },
  ]);
});

trace('a message that is not as long as it was announced, or was not announced, is counted and not believed', () => {
  const { published, unreadable } = read([
    line(4, '[PUB a 9]'),
    line(4, 'MSG_PAYLOAD: ["cut…"]'),
    line(4, 'MSG_PAYLOAD: ["again"]'),
  ]);
  assert.equal([published, unreadable], [[], 2]);
});

const PCM = recordingPcm();
const HEADER = Buffer.alloc(16);
const UP = 'argus.host.up.chrome-vm';
const see = (payload: Uint8Array): number => {
  const search = new RecordingSearch(PCM, UP);
  search.see({ subject: UP, payload: Buffer.concat([HEADER, payload]) });
  return search.result.found;
};

trace('a frame of the recording is recognised wherever in a message it is; noise and silence are not', () => {
  for (const frame of [0, 17, 300, 599]) {
    const pcm = PCM.subarray(frame * 1_764, (frame + 1) * 1_764);
    for (const before of [0, 1, 7, 250]) assert.is(see(Buffer.concat([random.bytes(before), pcm, random.bytes(9)])), 1);
  }
  assert.is(see(random.bytes(100_000)), 0);
  assert.is(see(Buffer.alloc(4_000)), 0);
});

trace('what chrome-vm has said is kept without the headers of its pipe, that of others is not', async () => {
  const search = new RecordingSearch(PCM, UP);
  const [one, two] = [random.bytes(100), random.bytes(50)];
  const recorded = search.recorded(150);
  search.see({ subject: UP, payload: Buffer.concat([HEADER, one]) });
  search.see({ subject: 'argus.host.up.rogue-vm', payload: Buffer.concat([HEADER, random.bytes(500)]) });
  search.see({ subject: UP, payload: Buffer.concat([HEADER, two]) });
  assert.equal(await recorded, Buffer.concat([one, two]));
  assert.is(search.result.messages, 3);
});

trace.run();
