import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrokerFrame, encodeBrokerFrame, Op, RecordType } from '../../broker/wire/index.ts';
import { BrokerDouble, PEER_DOMID, settle } from '../support/sdk/broker-double.ts';
import { seededRandom } from '../support/seed.ts';

const test = suite('sdk: a broker, or a carrier, that sends nonsense');

/** Whatever comes, the process lives, the VM ends or goes on, and every promise is settled. */
async function survives(poison: (broker: BrokerDouble) => void): Promise<string> {
  const broker = await BrokerDouble.start();
  const vm = await broker.connect({ reconnect: false, drainTimeoutMs: 0 });
  let reason = 'none';
  vm.on('disconnected', (event) => {
    reason = event.reason.code;
  });
  const ring = await vm.registerRing({ port: 1, partner: 'any', length: 4096 });
  const pending = [
    vm.sendv({ to: { domain: PEER_DOMID, port: 1 }, iov: Uint8Array.of(1) }),
    vm.sendv({ to: { domain: PEER_DOMID, port: 1 }, iov: Uint8Array.of(1), deadline: 1000 }),
    vm.registerRing({ port: 2, partner: 'slow-vm', length: 48 }),
    ring.receive(),
  ].map((each) => each.then(() => {}).catch(() => {}));
  await broker.session.until(Op.sendv, 2);
  poison(broker);
  await settle();
  const closing = vm.close();
  await settle();
  broker.clock.advance(1);
  await closing;
  await Promise.all(pending);
  return reason;
}

for (const [label, plaintext] of [
  ['a frame shorter than its header', [4, 0, 0, 0]],
  ['a frame longer than its record', [200, 0, 0, 0, Op.ack, 0, 0, 0, 1, 0, 0, 0]],
  ['a frame of length 0', new Array<number>(12).fill(0)],
  ['an unknown op', [12, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0]],
  ['flags on a control frame', [12, 0, 0, 0, Op.ack, 1, 0, 0, 1, 0, 0, 0]],
  ['a deliver frame without a header', [12, 0, 0, 0, Op.deliver, 0, 0, 0, 1, 0, 0, 0]],
] as const) {
  test(`${label} ends the session`, async () => {
    assert.is(await survives((broker) => broker.session.sayBytes(Uint8Array.from(plaintext))), 'ERR_CLIENT_PROTOCOL');
  });
}

for (const [label, frame] of [
  ['an acknowledgement of what was never sent', { op: Op.ack, through: 99 }],
  ['a refusal of what was never sent', { op: Op.refused, id: 99, status: 13, maxMessageSize: 0 }],
  ['an answer to no question', { op: Op.reply, id: 99, status: 0, value: 0 }],
] as const satisfies readonly (readonly [string, BrokerFrame])[]) {
  test(`${label} ends the session`, async () => {
    assert.is(await survives((broker) => broker.session.say(frame)), 'ERR_CLIENT_PROTOCOL');
  });
}

test('a second welcome ends the session', async () => {
  const welcome = {
    op: Op.welcome,
    commitment: new Uint8Array(32),
    domid: 1,
    revision: 1,
    name: 'a',
    broker: 'b',
  } as const;
  assert.is(await survives(({ session }) => session.sayBytes(encodeBrokerFrame(welcome))), 'ERR_CLIENT_PROTOCOL');
});

test('a message from a domain that was never introduced ends the session', async () => {
  assert.is(await survives(({ session }) => session.deliver(101, Uint8Array.of(1), 9)), 'ERR_CLIENT_PROTOCOL');
});

test('a sealed record of a handshake type ends the session', async () => {
  assert.is(
    await survives(({ session }) => session.sayBytes(Uint8Array.of(1), RecordType.hello)),
    'ERR_CLIENT_PROTOCOL',
  );
});

test('bytes that no broker sealed end the session', async () => {
  assert.is(await survives(({ session }) => session.end.write(new Uint8Array(100).fill(0x41))), 'ERR_CLIENT_PROTOCOL');
});

test('an empty record and unknown close codes do no harm', async () => {
  assert.is(await survives(({ session }) => session.sayBytes(new Uint8Array(0))), 'none');
  assert.is(await survives(({ session }) => session.close(200)), 'ERR_CLIENT_LOST');
});

const TEMPLATES: readonly BrokerFrame[] = [
  { op: Op.reply, id: 3, status: 0, value: 5 },
  { op: Op.notified, id: 3, status: 0, answers: [{ flags: 1, maxMessageSize: 2 }] },
  { op: Op.ack, through: 1 },
  { op: Op.refused, id: 1, status: 11, maxMessageSize: 0 },
  { op: Op.introduce, domid: PEER_DOMID, name: 'x', labels: ['@y'] },
  { op: Op.space, domid: PEER_DOMID, port: 1 },
  { op: Op.peerGone, domid: PEER_DOMID, port: 1, messages: 1, bytes: 1 },
  { op: Op.ringClosed, ring: 101, status: 13 },
  { op: Op.revision, revision: 9 },
  { op: Op.brokerPing, id: 4 },
];

test('random and mutated frames never throw past the link', async () => {
  const random = seededRandom();
  const until = Date.now() + Number(process.env.FUZZ_SECONDS ?? 5) * 1000;
  const outcomes = new Set<string>();
  do {
    const outcome = await survives(({ session }) => {
      for (let i = 0; i < 20; i++) {
        const frames = Array.from({ length: 1 + random.below(4) }, () => encodeBrokerFrame(random.pick(TEMPLATES)));
        const plaintext = random.oneIn(4) ? random.bytes(random.below(80)) : Buffer.concat(frames);
        session.sayBytes(random.oneIn(2) ? random.mutate(Uint8Array.from(plaintext)) : plaintext);
      }
    });
    outcomes.add(outcome);
  } while (Date.now() < until);
  assert.ok(outcomes.has('ERR_CLIENT_PROTOCOL'), [...outcomes].join());
});

test.run();
