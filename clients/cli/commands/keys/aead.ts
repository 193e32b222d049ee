/** `argus keys aead`: the ciphers of this machine, and which provider is used. */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Aead,
  aeadSelfTest,
  allAeads,
  chooseAead,
  selectAead,
} from '../../../../keys/index.ts';
import { printJson } from '../../output.ts';
import { print } from './format.ts';

/** A lone small message, 10 ms of audio and a full record; long enough for a first impression. */
const SPEED_LENGTHS = [64, 1764, 65_536] as const;
const SPEED_BUDGET_MS = 30;
/** The best of many short batches counts: other programs disturb the rest. */
const SPEED_BATCH = 16;
const RECORD_HEADER_BYTES = 24;

/** What a program does: seal records of this length, each in the same memory. A first impression, not a benchmark. */
function sealMicroseconds(aead: Aead, length: number): number {
  const key = aead.importKey(randomBytes(AEAD_KEY_BYTES));
  const nonce = new Uint8Array(AEAD_NONCE_BYTES);
  const aad = new Uint8Array(RECORD_HEADER_BYTES);
  const memory = new Uint8Array(length + AEAD_TAG_BYTES);
  const start = performance.now();
  let best = Number.POSITIVE_INFINITY;
  do {
    const before = performance.now();
    // The key is thrown away afterwards: the nonce that repeats here protects nothing.
    for (let record = 0; record < SPEED_BATCH; record += 1) aead.sealInPlace(key, nonce, aad, memory, 0, length);
    best = Math.min(best, (performance.now() - before) / SPEED_BATCH);
  } while (performance.now() - start < SPEED_BUDGET_MS);
  key.free();
  return Math.round(best * 100_000) / 100;
}

export function aeadCommand(): Command {
  return new Command('aead')
    .description('show the ciphers, which provider is used and why, and whether all agree on this machine')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  argus keys aead\n\nThe option "aead" of a broker (argus.yaml) or of connect() names another provider.',
    )
    .action((options: { json?: boolean }) => {
      aeadSelfTest();
      const { provider, reason } = chooseAead();
      const suites = allAeads().map((aead) => ({
        suite: aead.suite,
        provider: aead.provider,
        used: aead === selectAead(aead.suite),
        sealMicroseconds: SPEED_LENGTHS.map((length) => sealMicroseconds(aead, length)),
      }));
      if (options.json === true) {
        printJson({ selfTest: 'passed', provider, reason, lengths: SPEED_LENGTHS, suites });
        return;
      }
      print(
        `suite       provider  used  ${SPEED_LENGTHS.map((length) => `${length} B`.padStart(11)).join('')}`,
        ...suites.map(
          (each) =>
            `${each.suite.padEnd(12)}${each.provider.padEnd(10)}${(each.used ? 'yes' : '-').padEnd(6)}${each.sealMicroseconds.map((time) => `${time} µs`.padStart(11)).join('')}`,
        ),
        ...(reason === null ? [] : [`in-place does not load here: ${reason}`]),
        'self-test passed: all providers give the published vectors and open what the others sealed',
      );
    });
}
