/**
 * A million seals, and never the same key stream for two plaintexts: over changes of keys, reconnects, and ends that were
 * started from one saved state, before their session or in the middle of it.
 *
 * What an observer of the carrier could see is what is looked at. All suites XOR the plaintext with a key stream. That of
 * A256GCM and C20P depends on key and nonce alone; that of A256GCMSIV depends on the plaintext as well. Each plaintext is
 * another one, so two equal key streams are a repetition.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Sealer, SOFT_EPOCH_LIMITS } from '../../broker/channel/protection.ts';
import { RECORD_HEADER_BYTES, RecordType, TAG_BYTES } from '../../broker/wire/index.ts';
import { type AeadSuite, deriveSessionSecrets, generateEphemeral, selectAead } from '../../keys/index.ts';
import { seededRandom } from '../support/seed.ts';
import { answer, CONTEXT, hello, recordFrom, shake } from './pair.ts';

const nonces = suite('nonces');

const SEALS = 1_000_000;
/** Two sessions of each of two ends, for each kind of life. */
const LIVES = 20;
const SEALS_PER_LIFE = SEALS / (2 * LIVES);
const SEALS_PER_EPOCH = 1_000;
/** Of a session before the state of its end was saved. */
const SEALS_BEFORE = 1_500;
/** Of each of its clones: few, because the suite that survives this is slow. */
const SEALS_AFTER = 5_000;
const PLAINTEXT_BYTES = 16;

/** A session, as far as it seals. */
interface End {
  seal(plaintext: Uint8Array): Uint8Array;
}

/** Every key stream that was ever seen. */
class Observer {
  readonly #seen = new Set<string>();
  repeated = 0;
  now = 0;

  get seals(): number {
    return this.#seen.size + this.repeated;
  }

  seal(session: End, plaintext = this.#another()): void {
    const ciphertext = session.seal(plaintext).subarray(RECORD_HEADER_BYTES, -TAG_BYTES);
    const text = Buffer.from(ciphertext.map((byte, at) => byte ^ (plaintext[at] ?? 0))).toString('latin1');
    if (this.#seen.has(text)) this.repeated++;
    else this.#seen.add(text);
  }

  #another(): Uint8Array {
    const plaintext = Buffer.alloc(PLAINTEXT_BYTES);
    plaintext.writeUInt32LE(this.seals);
    return plaintext;
  }

  /** Seals in turns, and lets the keys grow old now and then. */
  live(sessions: readonly End[], seals = SEALS_PER_LIFE): void {
    for (let sealed = 0; sealed < seals; sealed++) {
      if (sealed % SEALS_PER_EPOCH === SEALS_PER_EPOCH - 1) this.now += SOFT_EPOCH_LIMITS.ageMs;
      for (const session of sessions) this.seal(session);
    }
  }
}

/** One saved state: the same clock, and the same bytes of what the process calls random. */
function savedState(observer: Observer) {
  const random = seededRandom(1);
  return { ...CONTEXT, clock: () => observer.now, randomBytes: (length: number) => random.bytes(length) };
}

/** The session of a domain that was saved in the middle of it and started twice, and the broker's. */
async function clonesOfSession(suite: AeadSuite, observer: Observer) {
  // The private key is part of the saved state.
  const ephemeral = generateEphemeral();
  const context = () => ({ ...savedState(observer), ephemeral: () => ephemeral });
  const terms = { offered: [suite], accepted: [suite] };
  const saids = [await hello({ ...terms, context: context() }), await hello({ ...terms, context: context() })];
  const [first] = saids;
  const welcome = first && (await answer(first.record, { ...terms, context: savedState(observer) }));
  if (welcome?.ok !== true) throw new Error('the broker refuses');
  const clones: End[] = [];
  for (const said of saids) {
    const accepted = await said.accept(recordFrom(welcome.value.record));
    if (!accepted.ok) throw new Error('the domain refuses');
    clones.push(accepted.value);
  }
  // What was sealed before the state was saved: it went over the carrier once.
  for (let sealed = 0; sealed < SEALS_BEFORE; sealed++) {
    const [record, again] = clones.map((clone) => clone.seal(new Uint8Array(PLAINTEXT_BYTES)));
    assert.equal(record, again);
  }
  return { clones, atBroker: welcome.value.session };
}

nonces(`${SEALS} seals over epochs, reconnects and clones never repeat a key with a nonce`, async () => {
  const observer = new Observer();
  const suites: readonly AeadSuite[][] = [['A256GCM'], ['C20P']];
  for (let life = 0; life < LIVES / 2; life++) {
    const offered = suites[life % 2] ?? [];
    // A reconnect: both ends keep their identity, and all else is new.
    const { atDomain, atBroker } = await shake({ offered, context: savedState(observer) });
    observer.live([atDomain, atBroker]);
  }
  for (let life = 0; life < LIVES / 4; life++) {
    // A domain that was saved after its hello and started twice: both clones say the same hello, with the same key.
    const said = await hello({ offered: suites[life % 2] ?? [], context: savedState(observer) });
    const sessions: End[] = [];
    for (const _ of ['first clone', 'second clone']) {
      const welcome = await answer(said.record, { context: savedState(observer) });
      assert.ok(welcome.ok);
      if (!welcome.ok) return;
      const accepted = await said.accept(recordFrom(welcome.value.record));
      assert.ok(accepted.ok);
      if (accepted.ok) sessions.push(accepted.value, welcome.value.session);
    }
    observer.live(sessions);
  }
  const { clones } = await clonesOfSession('A256GCMSIV', observer);
  observer.live(clones, SEALS_AFTER);
  assert.is(observer.repeated, 0);
  assert.is(observer.seals, SEALS + 2 * SEALS_AFTER);
});

nonces('clones in the middle of a session repeat key streams with the suites that are not clone-safe', async () => {
  for (const suite of ['A256GCM', 'C20P'] as const) {
    const observer = new Observer();
    const { clones } = await clonesOfSession(suite, observer);
    for (const clone of clones) for (let sealed = 0; sealed < 3; sealed++) observer.seal(clone);
    assert.is(observer.repeated, 3, suite);
  }
});

nonces(
  'what clones in the middle of a session show with the clone-safe suite is that equal records are equal',
  async () => {
    const { clones, atBroker } = await clonesOfSession('A256GCMSIV', new Observer());
    const same = Buffer.from('the same in both');
    const [first, second] = clones.map((clone) => clone.seal(same));
    assert.equal(first, second);
    const [third, fourth] = clones.map((clone, which) => clone.seal(Buffer.from(`not the same: ${which}`)));
    assert.not.equal(third?.subarray(-TAG_BYTES), fourth?.subarray(-TAG_BYTES));
    assert.is(atBroker.suite, 'A256GCMSIV');
  },
);

nonces('the observer would notice: two ends with one secret repeat at once', () => {
  const observer = new Observer();
  const end = (secret: number): End => {
    const { toBroker } = deriveSessionSecrets(new Uint8Array(32).fill(secret), new Uint8Array(32));
    const sealer = new Sealer(selectAead('A256GCM'), toBroker, () => 0);
    return { seal: (plaintext) => sealer.seal(RecordType.data, plaintext) };
  };
  const zeros = new Uint8Array(PLAINTEXT_BYTES);
  for (const secret of [7, 8]) observer.seal(end(secret), zeros);
  assert.is(observer.repeated, 0);
  observer.seal(end(7), zeros);
  assert.is(observer.repeated, 1);
});

nonces.run();
