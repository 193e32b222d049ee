/** A fresh key agreement inside a running session: when it happens, what it protects, and which records it refuses. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRekey, RekeyKind } from '../../broker/channel/fresh-keys.ts';
import type { ChannelEvent, ChannelRole } from '../../broker/channel/index.ts';
import { ANSWER_MS, FRESH_KEYS_MS, SOFT_EPOCH_LIMITS } from '../../broker/channel/protection.ts';
import { RECORD_HEADER_BYTES, RecordType } from '../../broker/wire/index.ts';
import { type Ephemeral, generateEphemeral, type Identity } from '../../keys/index.ts';
import { seededRandom } from '../support/seed.ts';
import { End, greet, pair } from './end.ts';
import { BROKER, CONTEXT, DOMAIN, identityOf } from './pair.ts';

const fresh = suite('fresh keys');
const REMOTE = await identityOf('remote', 'broker');
const FIRST_FRESH_EPOCH = 65_536;
const EPOCH_AT = 4;
const COMMITMENT = new Uint8Array(32).fill(7);

class Pair {
  now = 0;
  /** The last public key of the broker. */
  brokersKey: Uint8Array = new Uint8Array(0);
  readonly broker: End;
  readonly domain: End;

  private constructor(
    [one, identityOfOne]: readonly [ChannelRole, Identity],
    [other, identityOfOther]: readonly [ChannelRole, Identity],
  ) {
    const context = { ...CONTEXT, clock: () => this.now };
    const ephemeral = (): Ephemeral => {
      const made = generateEphemeral();
      this.brokersKey = made.publicKey;
      return made;
    };
    this.broker = new End(one, identityOfOne, { context: { ...context, ephemeral } });
    this.domain = new End(other, identityOfOther, { context });
  }

  static async start(): Promise<Pair> {
    const made = new Pair(['broker', BROKER], ['domain', DOMAIN]);
    await pair(made.domain, made.broker);
    return made;
  }

  static async brokers(): Promise<Pair> {
    const made = new Pair(['remote-listener', BROKER], ['remote-dialler', REMOTE]);
    made.broker.hear(await greet(made.domain, made.broker));
    made.domain.hear(made.broker.take());
    return made;
  }

  /** The request of the broker: its output when it reads a record after `FRESH_KEYS_MS`. */
  ask(): Uint8Array {
    this.now += FRESH_KEYS_MS;
    readAll(this.broker);
    return this.broker.take();
  }

  /** Exchanges all messages of the two ends for fresh keys. */
  agree(): void {
    const answer = hear(this.domain, this.ask());
    hear(this.domain, hear(this.broker, answer));
  }
}

/** Reads on after each rekey event, as owners do. @returns the last event */
function readAll(end: End): ChannelEvent {
  let last = end.read();
  while (last === 'rekey') last = end.read();
  return last;
}

/** @returns the output of the end */
function hear(end: End, bytes: Uint8Array): Uint8Array {
  end.hear(bytes);
  readAll(end);
  return end.take();
}

function outcome(end: End, bytes: Uint8Array): string {
  end.hear(bytes);
  const last = readAll(end);
  return last === 'fault' ? String(end.channel.fault) : last;
}

/** A message about fresh keys, under the end's present keys. */
function says(end: End, kind: RekeyKind, value: Uint8Array): Uint8Array {
  return rekeyRecord(end, encodeRekey(kind, value));
}

function rekeyRecord(end: End, body: Uint8Array): Uint8Array {
  const { session } = end.channel;
  if (session === null) throw new Error('nobody is believed');
  return session.seal(body, RecordType.rekey);
}

function epochOf(record: Uint8Array): number {
  return Buffer.from(record).readUInt32LE(EPOCH_AT);
}

for (const [label, start] of [
  ['a broker and a domain', Pair.start],
  ['two brokers', Pair.brokers],
] as const) {
  fresh(`${label}: within an hour both directions have fresh keys, and each side has confirmed them`, async () => {
    const both = await start();
    both.now = FRESH_KEYS_MS - 1;
    assert.is(readAll(both.broker), 'more');
    assert.is(both.broker.take().length, 0, 'not earlier');
    both.now = 0;
    both.agree();
    assert.ok(both.now < 3_600_000);
    for (const [from, to] of [
      [both.domain, both.broker],
      [both.broker, both.domain],
    ] as const) {
      const record = from.say('hello');
      assert.is(epochOf(record), FIRST_FRESH_EPOCH);
      to.hear(record);
      assert.is(to.frames.at(-1), 'hello');
    }
  });
}

fresh('it goes on hour after hour, and the ratchet between', async () => {
  const both = await Pair.start();
  for (let hour = 1; hour <= 30; hour++) {
    both.agree();
    const first = both.domain.say(`${hour}`);
    both.now += SOFT_EPOCH_LIMITS.ageMs;
    const second = both.domain.say(`${hour}, later`);
    assert.equal([epochOf(first), epochOf(second)], [hour * FIRST_FRESH_EPOCH, hour * FIRST_FRESH_EPOCH + 1]);
    both.broker.hear(Buffer.concat([first, second]));
    assert.equal(both.broker.frames.splice(0), [`${hour}`, `${hour}, later`]);
    both.now -= SOFT_EPOCH_LIMITS.ageMs;
  }
});

fresh('under traffic in both directions nothing is lost, doubled or moved, whatever the order', async () => {
  const random = seededRandom();
  for (let run = 0; run < 4; run++) {
    const both = await Pair.start();
    const wire: Record<'broker' | 'domain', Uint8Array[]> = { broker: [], domain: [] };
    const sent: Record<'broker' | 'domain', string[]> = { broker: [], domain: [] };
    const other = { broker: 'domain', domain: 'broker' } as const;
    const deliver = (to: 'broker' | 'domain'): void => {
      const record = wire[other[to]].shift();
      if (record === undefined) return;
      const answer = hear(both[to], record);
      if (answer.length > 0) wire[to].push(answer);
    };
    for (let step = 0; step < 2_500; step++) {
      const side = random.below(2) === 0 ? 'broker' : 'domain';
      both.now += random.below(4_000);
      if (random.below(3) === 0) {
        const text = `${side} ${step}`;
        sent[side].push(text);
        wire[side].push(both[side].say(text));
      } else deliver(side);
    }
    while (wire.broker.length + wire.domain.length > 0) for (const side of ['broker', 'domain'] as const) deliver(side);
    assert.equal([both.broker.frames, both.domain.frames], [sent.domain, sent.broker], `run ${run}`);
    assert.ok(epochOf(both.domain.say('x')) >= FIRST_FRESH_EPOCH, 'keys were agreed on meanwhile');
  }
});

fresh('a domain that does not answer is not listened to for long', async () => {
  const both = await Pair.start();
  both.ask();
  both.now += ANSWER_MS - 1;
  assert.is(outcome(both.broker, both.domain.say('still here')), 'more');
  both.now += 1;
  assert.is(outcome(both.broker, both.domain.say('still here')), 'STALE_KEYS');
});

/** Records that one end must not send, before or after the request. */
const REFUSED: readonly (readonly [string, string, (both: Pair) => readonly [End, Uint8Array]])[] = [
  [
    'an answer to nothing',
    'UNEXPECTED_RECORD',
    ({ broker, domain }) => [broker, says(domain, RekeyKind.answer, generateEphemeral().publicKey)],
  ],
  [
    'a question of the domain',
    'UNEXPECTED_RECORD',
    ({ broker, domain }) => [broker, says(domain, RekeyKind.ask, generateEphemeral().publicKey)],
  ],
  [
    'a confirmation of nothing',
    'BAD_COMMITMENT',
    ({ broker, domain }) => [broker, says(domain, RekeyKind.confirm, COMMITMENT)],
  ],
  [
    'a question with a key of low order',
    'BAD_KEY',
    ({ broker, domain }) => [domain, says(broker, RekeyKind.ask, new Uint8Array(32))],
  ],
  [
    'an answer with a key of low order',
    'BAD_KEY',
    (both) => {
      both.ask();
      return [both.broker, says(both.domain, RekeyKind.answer, new Uint8Array(32))];
    },
  ],
  [
    'a second question before the first is done',
    'UNEXPECTED_RECORD',
    (both) => {
      hear(both.domain, both.ask());
      return [both.domain, says(both.broker, RekeyKind.ask, generateEphemeral().publicKey)];
    },
  ],
  [
    'a second answer',
    'UNEXPECTED_RECORD',
    (both) => {
      both.agree();
      return [both.broker, says(both.domain, RekeyKind.answer, generateEphemeral().publicKey)];
    },
  ],
  [
    'the wrong commitment under fresh keys',
    'BAD_COMMITMENT',
    (both) => {
      const { asked, session } = freshDomain(both);
      return [
        both.broker,
        Buffer.concat([asked, session.seal(encodeRekey(RekeyKind.confirm, COMMITMENT), RecordType.rekey)]),
      ];
    },
  ],
  [
    'frames before the confirmation',
    'BAD_COMMITMENT',
    (both) => {
      const { asked } = freshDomain(both);
      return [both.broker, Buffer.concat([asked, both.domain.say('too early')])];
    },
  ],
  [
    'a goodbye before the confirmation',
    'BAD_COMMITMENT',
    (both) => {
      const { asked } = freshDomain(both);
      return [both.broker, Buffer.concat([asked, ...both.domain.channel.close('done')])];
    },
  ],
  [
    'an unknown kind',
    'UNEXPECTED_RECORD',
    ({ broker, domain }) => [domain, rekeyRecord(broker, new Uint8Array(33).fill(9))],
  ],
  [
    'too short',
    'UNEXPECTED_RECORD',
    ({ broker, domain }) => [domain, rekeyRecord(broker, Uint8Array.of(RekeyKind.ask))],
  ],
  [
    'a byte too many',
    'UNEXPECTED_RECORD',
    ({ broker, domain }) => [domain, rekeyRecord(broker, new Uint8Array(34).fill(1))],
  ],
  [
    'forged',
    'OPEN_FAILED',
    ({ broker, domain }) => {
      const record = says(broker, RekeyKind.ask, generateEphemeral().publicKey);
      record[RECORD_HEADER_BYTES] = (record[RECORD_HEADER_BYTES] ?? 0) ^ 1;
      return [domain, record];
    },
  ],
];

/** The domain has answered but omits its confirmation: the record is sealed, and then thrown away. */
function freshDomain(both: Pair): {
  readonly asked: Uint8Array;
  readonly session: NonNullable<End['channel']['session']>;
} {
  const { session } = both.domain.channel;
  if (session === null) throw new Error('nobody is believed');
  both.ask();
  const ephemeral = generateEphemeral();
  const answer = says(both.domain, RekeyKind.answer, ephemeral.publicKey);
  const shared = ephemeral.agree(both.brokersKey);
  if (shared === null) throw new Error('no key');
  session.refresh({ shared, publicKeys: Buffer.concat([both.brokersKey, ephemeral.publicKey]) });
  return { asked: answer, session };
}

for (const [label, code, make] of REFUSED)
  fresh(`${label} ends the session`, async () => {
    const both = await Pair.start();
    const [end, bytes] = make(both);
    assert.is(outcome(end, bytes), code);
  });

fresh('an epoch of the next agreement is refused while nothing was agreed on', async () => {
  const both = await Pair.start();
  const record = both.domain.say('x');
  Buffer.from(record.buffer, record.byteOffset).writeUInt32LE(FIRST_FRESH_EPOCH, EPOCH_AT);
  assert.is(outcome(both.broker, record), 'OPEN_FAILED');
});

fresh('before the other side is believed there is nothing to agree on', async () => {
  for (const role of ['broker', 'domain', 'remote-listener'] as const) {
    const end = new End(role, role === 'domain' ? DOMAIN : BROKER);
    const both = await Pair.start();
    assert.is(outcome(end, says(both.broker, RekeyKind.ask, COMMITMENT)), 'UNEXPECTED_RECORD', role);
  }
});

fresh.run();
