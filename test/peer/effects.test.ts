/** What the outside sees of a decision: not before its record is durable, and nothing of what a new policy took back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DOMID_ANY, Op, Status } from '../../broker/wire/index.ts';
import { OPEN, PORT } from '../support/core/harness.ts';
import { type Client, PeerHarness, turns } from '../support/peer/harness.ts';

const effects = suite('peer: effects of decisions');
const DOMAINS = ['sender', 'receiver', 'denied'];
const ROWS = [...OPEN, 'p, sender, denied, argo, send, deny'];

/** Lets `ask` happen while the log cannot be written: `answered` sees nothing until it can. */
async function waitsForTheLog(
  ask: (client: Client, harness: PeerHarness) => void,
  answered: (client: Client) => unknown[],
): Promise<unknown[]> {
  const harness = await PeerHarness.of({ domains: DOMAINS, rows: ROWS });
  const client = await harness.connect('sender');
  ask(client, harness);
  harness.audit.setHealthy(false);
  await turns();
  assert.equal(answered(client.read()), [], 'told before the record was durable');
  harness.audit.setHealthy(true);
  await turns();
  const answers = answered(client.read());
  harness.close();
  return answers;
}

effects('a denied notify is answered when the denial is durable', async () => {
  const answers = await waitsForTheLog(
    (client, harness) => {
      const query = { domid: harness.domid('denied'), pad: 0, port: PORT, spaceRequired: 0 };
      client.say({ op: Op.notify, id: 9, queries: [query] });
    },
    (client) => client.of(Op.notified),
  );
  assert.equal(answers, [{ op: Op.notified, id: 9, status: Status.EACCES, answers: [] }]);
});

effects('a registration is answered when the record of the ring is durable', async () => {
  const answers = await waitsForTheLog(
    (client) => client.register(),
    (client) => client.of(Op.reply),
  );
  assert.equal(answers, [{ op: Op.reply, id: 1, status: Status.OK, value: 1 }]);
});

effects('messages that lie in the broker for a ring that a new policy closes never go out', async () => {
  const harness = await PeerHarness.of({ domains: DOMAINS, rows: ROWS });
  const receiver = await harness.connect('receiver');
  const sender = await harness.connect('sender');
  receiver.register(PORT, DOMID_ANY, 4096);
  receiver.register(PORT + 1, harness.domid('sender'), 4096);
  await turns();
  receiver.read().carrier.hasRoom = false;
  receiver.say({ op: Op.ping, id: 1 });
  await turns();
  const to = harness.domid('receiver');
  sender.send({ to, port: PORT, payload: 'kept' }, { to, port: PORT + 1, payload: 'taken back' });
  await turns();
  await harness.adopt({
    domains: DOMAINS,
    rows: [...ROWS, 'p, receiver, sender, argo, register_single_source, deny'],
  });
  receiver.carrier.drain();
  await turns();
  assert.equal(receiver.read().payloads, ['kept']);
  assert.equal(receiver.of(Op.ringClosed), [{ op: Op.ringClosed, ring: 2, status: Status.EACCES }]);
  const gone = { op: Op.peerGone, domid: to, port: PORT + 1, messages: 1, bytes: 32 };
  assert.equal(sender.read().of(Op.peerGone), [gone]);
  harness.close();
});

effects.run();
