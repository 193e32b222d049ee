/**
 * A million seals, and never the same key with the same nonce twice: over changes of keys, reconnects, and ends that were
 * started from one saved state.
 *
 * What an observer of the carrier could see is what is looked at. Both suites XOR the plaintext with a key stream that
 * depends on key and nonce alone, so the ciphertext of sixteen zeros is that key stream: two equal ones are a repetition.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Sealer, SOFT_EPOCH_LIMITS } from '../../broker/channel/protection.ts';
import { RECORD_HEADER_BYTES, RecordType, TAG_BYTES } from '../../broker/wire/index.ts';
import { type AeadSuite, deriveSessionSecrets, selectAead } from '../../keys/index.ts';
import { seededRandom } from '../support/seed.ts';
import { answer, CONTEXT, hello, recordFrom, shake } from './pair.ts';

const nonces = suite('nonces');

const SEALS = 1_000_000;
/** Two sessions of each of two ends, for each kind of life. */
const LIVES = 20;
const SEALS_PER_LIFE = SEALS / (2 * LIVES);
const SEALS_PER_EPOCH = 1_000;
const ZEROS = new Uint8Array(16);

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

  seal(session: End): void {
    const record = session.seal(ZEROS);
    const text = Buffer.from(record.subarray(RECORD_HEADER_BYTES, -TAG_BYTES)).toString('latin1');
    if (this.#seen.has(text)) this.repeated++;
    else this.#seen.add(text);
  }

  /** Seals in turns, and lets the keys grow old now and then. */
  live(sessions: readonly End[]): void {
    for (let sealed = 0; sealed < SEALS_PER_LIFE; sealed++) {
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
  assert.is(observer.repeated, 0);
  assert.is(observer.seals, SEALS);
});

nonces('the observer would notice: two ends with one secret repeat at once', () => {
  const observer = new Observer();
  const end = (secret: number): End => {
    const { toBroker } = deriveSessionSecrets(new Uint8Array(32).fill(secret), new Uint8Array(32));
    const sealer = new Sealer(selectAead('A256GCM'), toBroker, () => 0);
    return { seal: (plaintext) => sealer.seal(RecordType.data, plaintext) };
  };
  for (const secret of [7, 8]) observer.seal(end(secret));
  assert.is(observer.repeated, 0);
  observer.seal(end(7));
  assert.is(observer.repeated, 1);
});

nonces.run();
