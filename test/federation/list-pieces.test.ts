/** A revocation list between brokers: whole at the other end, and bounded whatever the other broker says. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeFederationFrame, FederationOp } from '../../broker/federation/frames.ts';
import { LIST_PIECE_BYTES, MAX_LIST_BYTES } from '../../broker/federation/limits.ts';
import { cutList, ListAssembly } from '../../broker/federation/list-pieces.ts';

const pieces = suite('revocation list in pieces');

function passOn(jws: string, assembly = new ListAssembly()): readonly (string | null)[] {
  return cutList(jws).map((bytes) => {
    const frame = decodeFederationFrame(bytes, 0, bytes.length);
    assert.is(frame?.op, FederationOp.list);
    return assembly.add(frame?.domid ?? 0, frame?.body ?? new Uint8Array(0));
  });
}

pieces('a list of any length arrives as it was, once its last piece has come', () => {
  for (const length of [
    1,
    LIST_PIECE_BYTES - 1,
    LIST_PIECE_BYTES,
    LIST_PIECE_BYTES + 1,
    5 * LIST_PIECE_BYTES,
    MAX_LIST_BYTES,
  ]) {
    const jws = Array.from({ length }, (_, at) => String.fromCharCode(65 + (at % 26))).join('');
    const got = passOn(jws);
    assert.is(got.length, Math.ceil(length / LIST_PIECE_BYTES));
    assert.equal(
      got.slice(0, -1).filter((each) => each !== null),
      [],
    );
    assert.is(got.at(-1), jws, `${length}`);
  }
});

pieces('one list after the other is taken, and an assembly keeps nothing of the first', () => {
  const assembly = new ListAssembly();
  assert.equal(passOn('first', assembly), ['first']);
  assert.equal(passOn('second one', assembly), ['second one']);
});

pieces('what no broker would send is a fault', () => {
  const piece = new Uint8Array(10);
  const table: readonly (readonly [string, (assembly: ListAssembly) => string | null])[] = [
    ['an empty list', (assembly) => assembly.add(0, piece)],
    ['an empty piece', (assembly) => assembly.add(10, new Uint8Array(0))],
    ['longer than a list may be', (assembly) => assembly.add(MAX_LIST_BYTES + 1, piece)],
    ['more than it declared', (assembly) => assembly.add(9, piece)],
    ['another length in the middle', (assembly) => assembly.add(20, piece) ?? assembly.add(21, piece)],
    ['too much with the second piece', (assembly) => assembly.add(15, piece) ?? assembly.add(15, piece)],
  ];
  for (const [label, feed] of table) assert.is(feed(new ListAssembly()), 'fault', label);
});

pieces.run();
