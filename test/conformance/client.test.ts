/** Statements about what a caller sees: the real client on a real broker. A24, A35, A40, A46, A50. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startBroker } from '../../broker/index.ts';
import { connect, type Ring, type Vm } from '../../clients/sdk/index.ts';
import { createAuthority, issueIdentity } from '../../keys/index.ts';
import { OPEN, PORT, policyFiles } from '../support/core/harness.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { statement } from './harness.ts';

const LONGEST = 16_777_184;

/** A sender and a receiver with one ring, over a unix socket. */
async function withPair(act: (pair: { a: Vm; ring: Ring }) => Promise<void>): Promise<void> {
  const root = temporaryDirectory();
  const at = (name: string): string => join(root, name);
  const authority = await createAuthority(at('authority'), 'unsealed');
  for (const [name, role] of [
    ['a', 'domain'],
    ['b', 'domain'],
    ['broker', 'broker'],
  ] as const) {
    await issueIdentity(authority, at(name), { name, role, ttlSeconds: 3_600 }, 'unsealed');
  }
  mkdirSync(at('policy'), { mode: 0o700 });
  for (const [name, bytes] of Object.entries(policyFiles({ domains: ['a', 'b'], rows: OPEN }))) {
    writeFileSync(join(at('policy'), name), bytes, { mode: 0o600 });
  }
  const broker = await startBroker({
    identity: at('broker'),
    policy: at('policy'),
    audit: at('audit'),
    runtime: at('run'),
    watchPolicy: false,
    log: { level: 'silent' },
  });
  const vms: Vm[] = [];
  try {
    for (const name of ['a', 'b']) vms.push(await connect({ carrier: broker.carrierOf(name), identity: at(name) }));
    const [a, b] = vms;
    if (a === undefined || b === undefined) throw new Error('two were connected');
    await act({ a, ring: await b.registerRing({ port: PORT, partner: 'any', length: 65_536 }) });
  } finally {
    for (const vm of vms) await vm.close();
    await broker.close();
  }
}

const to = { domain: 'b', port: PORT };

async function codeOf(sending: Promise<number>): Promise<unknown> {
  try {
    return await sending;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

async function next(ring: Ring): Promise<string> {
  for await (const message of ring) return Buffer.from(message.payload).toString();
  throw new Error('the ring ended');
}

const buffers = (...lengths: number[]): Uint8Array[] => lengths.map((length) => new Uint8Array(length));

statement('A24', undefined, () =>
  withPair(async ({ a }) => {
    assert.is(await codeOf(a.sendv({ to, iov: buffers(1, 1, 1, 1, 1, 1, 1, 1, 1) })), 'EINVAL');
    assert.is(await codeOf(a.sendv({ to, iov: buffers(1, 1, 1, 1, 1, 1, 1, 1) })), 8);
  }),
);

statement('A35', undefined, () =>
  withPair(async ({ a }) => {
    assert.is(await codeOf(a.sendv({ to, iov: buffers(LONGEST + 1) })), 'EINVAL');
    assert.is(await codeOf(a.sendv({ to, iov: buffers(1, LONGEST + 1) })), 'EINVAL');
    assert.is(await codeOf(a.sendv({ to, iov: buffers(LONGEST, 1) })), 'EMSGSIZE');
  }),
);

statement('A40', undefined, () =>
  withPair(async ({ a }) => {
    for (const lengths of [[0], [1], [10, 0, 20], [1_000]]) {
      const sum = lengths.reduce((total, length) => total + length, 0);
      assert.is(await codeOf(a.sendv({ to, iov: buffers(...lengths) })), sum);
    }
  }),
);

statement(
  'A46',
  {
    deviation:
      'a copy cannot fault: a message is whole in the client before it leaves; what is no bytes is EINVAL there',
  },
  () =>
    withPair(async ({ a, ring }) => {
      const broken = [new Uint8Array(3), 'text'] as unknown as Uint8Array[];
      assert.is(await codeOf(Promise.resolve().then(() => a.sendv({ to, iov: broken }))), 'EINVAL');
      assert.is(await codeOf(a.sendv({ to, iov: Buffer.from('whole') })), 5);
      assert.is(await next(ring), 'whole');
    }),
);

statement('A50', undefined, () =>
  withPair(async ({ a, ring }) => {
    const buffer = Buffer.from('as it was');
    const sending = a.sendv({ to, iov: buffer });
    buffer.fill(0);
    await sending;
    assert.is(await next(ring), 'as it was');
  }),
);

statement.run();
