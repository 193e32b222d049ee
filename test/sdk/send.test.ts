/** What `sendv` returns keeps every promise that a promise makes, although most are never made one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Send } from '../../clients/sdk/engine/sending/send.ts';
import { wordError } from '../../clients/sdk/errors.ts';

const test = suite('sdk: the outcome of a send');
const DENIED = wordError('EACCES', 'sendv');

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was expected to be rejected');
}

/** What this process says of rejections that nobody handles, while `run` and a turn after it. */
async function unhandledIn(run: () => void): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => reasons.push(reason));
  run();
  await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners('unhandledRejection');
  for (const other of others) process.on('unhandledRejection', other);
  return reasons;
}

for (const [label, isAskedFirst] of [
  ['asked for before', true],
  ['asked for after', false],
] as const) {
  test(`an outcome ${label} it is known is the same`, async () => {
    const [accepted, failed] = [new Send(7), new Send(7)];
    const asked = isAskedFirst ? [accepted.then((bytes) => bytes), reasonOf(failed)] : [];
    accepted.accept();
    if (isAskedFirst) failed.fail(DENIED);
    else await unhandledIn(() => failed.fail(DENIED));
    assert.equal(await Promise.all(isAskedFirst ? asked : [accepted, reasonOf(failed)]), [7, DENIED]);
  });
}

test('await, all, race, catch and finally take it for a promise', async () => {
  const send = new Send(3);
  let isOver = false;
  const asked = [
    send,
    send.catch(() => -1),
    Promise.race([send, new Promise(() => {})]),
    send.finally(() => {
      isOver = true;
    }),
  ];
  send.accept();
  assert.equal(await Promise.all(asked), [3, 3, 3, 3]);
  assert.ok(isOver);
  assert.is(Object.prototype.toString.call(send), '[object Promise]');
});

test('a refusal that nobody looks at is an unhandled rejection, once', async () => {
  assert.equal(await unhandledIn(() => new Send(1).fail(DENIED)), [DENIED]);
});

test('a refusal that somebody handles is none', async () => {
  const send = new Send(1);
  send.catch(() => {});
  assert.equal(await unhandledIn(() => send.fail(DENIED)), []);
});

test('an accepted send that nobody looks at leaves nothing to handle', async () => {
  assert.equal(await unhandledIn(() => new Send(1).accept()), []);
});

test.run();
