/** Counters of allowed sends: taken in portions, exact whenever they are taken. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FlowTable } from '../../../broker/audit/write/flows.ts';
import type { Permit } from '../../../policy/index.ts';

const flows = suite('flow table');

/** The table only tells one permit from another. */
const PERMIT = {} as Permit;

function count(table: FlowTable, ports: number): void {
  for (let port = 1; port <= ports; port++) {
    const counter = table.counter(PERMIT, port);
    counter.messages += 1;
    counter.bytes += port;
  }
}

flows('what is due is taken in portions of at most so many', () => {
  const table = new FlowTable();
  count(table, 10);
  table.makeDue();
  const portions = [table.take(4), table.take(4), table.take(4)].map((taken) => taken.length);
  assert.equal([portions, table.isDue], [[4, 4, 2], false]);
});

flows('ended flows too, and they come first', () => {
  const table = new FlowTable();
  count(table, 10);
  for (let port = 1; port <= 6; port++) table.end(PERMIT, port);
  table.makeDue();
  const first = table.take(4);
  assert.equal(
    first.map(({ port }) => port),
    [1, 2, 3, 4],
  );
  assert.equal([table.take(4).length, table.take(4).length, table.isDue], [4, 2, false]);
});

flows('a flow counts on until it is taken', () => {
  const table = new FlowTable();
  count(table, 2);
  table.makeDue();
  const [first] = table.take(1);
  count(table, 2);
  const [second] = table.take(1);
  assert.equal([first?.messages, second?.messages, table.take(1)], [1, 2, []]);
  table.makeDue();
  assert.equal(
    table.take(9).map(({ port, messages, bytes }) => [port, messages, bytes]),
    [[1, 1, 1]],
  );
});

flows.run();
