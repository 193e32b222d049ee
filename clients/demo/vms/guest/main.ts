/**
 * Programs of the guests, in one bundle: `node /guest.mjs ROLE …`. Each prints what it sees, a line at a time; the host reads
 * the console.
 */
import { attack, crash } from './attacks.ts';
import { sink, source } from './playing.ts';

const [, , role = '', first = '', second] = process.argv;
const ROLES: ReadonlyMap<string, () => Promise<void>> = new Map([
  ['sink', () => sink(Number(first))],
  ['source', () => source(Number(first), second)],
  ['attack', () => attack(first, second ?? '')],
  ['crash', crash],
]);
await ROLES.get(role)?.();
