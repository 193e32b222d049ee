/** Lines that bring each entry of the register into the audit log once, and only the entries of the broker's authority. */
import type { Mutant } from '../../mutant.ts';

const ROWS: readonly (readonly [file: string, find: string, replace: string])[] = [
  ['broker/service/key-register', 'if (entries === null)', 'if (false)'],
  ['broker/service/key-register', 'entries.filter(({ id }) => !this.#store.has(id))', '[...entries]'],
  ['broker/service/key-register', 'pending.ids.filter((id) => found.has(id))', 'pending.ids'],
  ['broker/service/key-register', 'const found = await idsAfter(pending.after);', 'const found = new Set();'],
  ['broker/service/key-register', 'if (!isWritten)', 'if (false)'],
];

export const REGISTER: readonly Mutant[] = ROWS.map(([file, find, replace]) => ({
  in: `${file}.ts`,
  find,
  replace,
  promise: 'the log tells who got a key',
  tests: ['test/service/key-register.test.ts'],
}));
