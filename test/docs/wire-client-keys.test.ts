/** The example client agrees on fresh keys with the product: each opens what the other seals, and refuses what it must. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerAsk, encodeRekey, RekeyKind } from '../../broker/channel/fresh-keys.ts';
import { Opener, Sealer } from '../../broker/channel/protection.ts';
import { type DeframedRecord, Deframer, RecordType } from '../../broker/wire/index.ts';
import { EpochSecret, generateEphemeral, selectAead } from '../../keys/index.ts';

const client = suite('fresh keys of the example client');
const EXAMPLE = new URL('../../docs/examples/wire-client/', import.meta.url);

interface ExampleSealer {
  seal(type: number, plaintext: Uint8Array): Uint8Array;
}
interface ExampleOpener {
  open(record: unknown): Uint8Array;
}
interface ExampleReader {
  push(chunk: Uint8Array): void;
  next(): unknown;
}
type Made<T> = new (...given: readonly unknown[]) => T;

const records = (await import(new URL('records.mjs', EXAMPLE).href)) as {
  readonly Sealer: Made<ExampleSealer>;
  readonly Opener: Made<ExampleOpener>;
  readonly RecordReader: Made<ExampleReader>;
};
const { takeRekey } = (await import(new URL('agreement.mjs', EXAMPLE).href)) as {
  takeRekey(
    keys: { readonly sealer: ExampleSealer; readonly opener: ExampleOpener },
    plaintext: Uint8Array,
  ): Uint8Array;
};

/** A broker of the product and the example's domain, which have the same secrets. */
class Ends {
  readonly toDomain = new Sealer(selectAead('A256GCM'), this.#secret(1), () => 0);
  readonly fromDomain = new Opener(selectAead('A256GCM'), this.#secret(2), () => 0);
  readonly domain = {
    sealer: new records.Sealer('A256GCM', new Uint8Array(32).fill(2)),
    opener: new records.Opener('A256GCM', new Uint8Array(32).fill(1)),
  };
  readonly #reader = new records.RecordReader();

  #secret(fill: number): EpochSecret {
    return new EpochSecret(0, new Uint8Array(32).fill(fill));
  }

  /** @returns what the domain has opened */
  tell(type: RecordType, plaintext: Uint8Array): Uint8Array {
    this.#reader.push(Buffer.from(this.toDomain.seal(type, plaintext)));
    return this.domain.opener.open(this.#reader.next());
  }

  /** @returns the plaintexts that the broker has opened */
  hear(bytes: Uint8Array): readonly (Uint8Array | null)[] {
    const deframer = new Deframer(2 ** 16);
    deframer.push(Uint8Array.from(bytes));
    const opened: (Uint8Array | null)[] = [];
    for (let record: DeframedRecord | string = deframer.next(); typeof record !== 'string'; record = deframer.next())
      opened.push(this.fromDomain.open(record));
    return opened;
  }

  /** The broker asks and takes the answer; the domain has the fresh keys then. */
  agree(): readonly (Uint8Array | null)[] {
    const ephemeral = generateEphemeral();
    const ask = this.tell(RecordType.rekey, encodeRekey(RekeyKind.ask, ephemeral.publicKey));
    const said = takeRekey(this.domain, ask);
    const half = 24 + 33 + 16;
    const [answer] = this.hear(said.subarray(0, half));
    const theirs = Uint8Array.from(answer?.subarray(1) ?? []);
    const shared = ephemeral.agree(theirs);
    assert.ok(shared);
    const keys = { shared: shared ?? theirs, publicKeys: Buffer.concat([ephemeral.publicKey, theirs]) };
    this.fromDomain.expectFresh(keys);
    this.toDomain.refresh(keys);
    return this.hear(said.subarray(half));
  }
}

client('it answers, confirms, and goes on with the fresh keys', () => {
  const ends = new Ends();
  for (let round = 1; round <= 3; round++) {
    const [confirmed] = ends.agree();
    assert.equal(Buffer.from(confirmed ?? []), Buffer.from(encodeRekey(RekeyKind.confirm, ends.fromDomain.commitment)));
    assert.is(ends.fromDomain.takeUnconfirmed(), true);
    const own = encodeRekey(RekeyKind.confirm, ends.toDomain.commitment);
    assert.is(takeRekey(ends.domain, ends.tell(RecordType.rekey, own)).length, 0);
    assert.is(Buffer.from(ends.tell(RecordType.data, Buffer.from('down'))).toString(), 'down');
    const [up] = ends.hear(ends.domain.sealer.seal(RecordType.data, Buffer.from('up')));
    assert.is(Buffer.from(up ?? []).toString(), 'up');
    assert.is(ends.fromDomain.epoch, round * 65_536);
  }
});

client('it refuses a wrong confirmation, data before one, a second question and an answer', () => {
  const wrong = encodeRekey(RekeyKind.confirm, new Uint8Array(32));
  const table: readonly (readonly [string, (ends: Ends) => void])[] = [
    ['wrong', (ends) => void takeRekey(ends.domain, ends.tell(RecordType.rekey, wrong))],
    ['data first', (ends) => void ends.tell(RecordType.data, Buffer.from('x'))],
    [
      'a second question',
      (ends) => void takeRekey(ends.domain, encodeRekey(RekeyKind.ask, generateEphemeral().publicKey)),
    ],
    ['an answer', (ends) => void takeRekey(ends.domain, encodeRekey(RekeyKind.answer, generateEphemeral().publicKey))],
    ['too short', (ends) => void takeRekey(ends.domain, Uint8Array.of(RekeyKind.ask))],
  ];
  for (const [label, act] of table) {
    const ends = new Ends();
    ends.agree();
    assert.throws(() => act(ends), undefined, label);
  }
});

client('the product answers a question in the same way', () => {
  const ask = generateEphemeral();
  const answered = answerAsk(
    { randomBytes: () => new Uint8Array(0), wallClock: () => 0, clock: () => 0, clockToleranceSeconds: 0 },
    ask.publicKey,
  );
  assert.equal(answered?.keys.publicKeys, Buffer.concat([ask.publicKey, answered?.publicKey ?? new Uint8Array(0)]));
  assert.equal(ask.agree(answered?.publicKey ?? new Uint8Array(0)), answered?.keys.shared);
});

client.run();
