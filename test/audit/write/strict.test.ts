/** Strict classes: the record of a message is on disk before the receiver sees the message. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DOMAIN_BYTES_PER_HOUR, LOG_BURST_PARTS, RECORD_PRICE_BYTES, RETRY_MS } from '../../../broker/audit/limits.ts';
import { DOMID_ANY } from '../../../broker/wire/index.ts';
import { OPEN, PORT } from '../../support/core/harness.ts';
import { type Client, PeerHarness, turns } from '../../support/peer/harness.ts';
import { denialOf, durable, type LogFixture, openOn, permitOf, settle } from '../fixtures.ts';

const strict = suite('audit: strict classes');
const STRICT_PORT = 1001;

interface Site extends LogFixture {
  readonly harness: PeerHarness;
  readonly sender: Client;
  readonly receiver: Client;
  readonly to: number;
}

/** A broker whose log is on a disk that the test slows down or breaks. The receiver has a ring for each kind of class. */
async function site(): Promise<Site> {
  const fixture = await openOn();
  const rows = [...OPEN, 'p, @any, @any, strict, *, allow'];
  const text = { domains: ['sender', 'receiver'], rows };
  const harness = await PeerHarness.of(text, undefined, null, undefined, undefined, fixture.log);
  const [sender, receiver] = [await harness.connect('sender'), await harness.connect('receiver')];
  receiver.register(STRICT_PORT, DOMID_ANY);
  receiver.register(PORT, DOMID_ANY);
  await settle();
  receiver.read();
  return { ...fixture, harness, sender, receiver, to: harness.domid('receiver') };
}

/** Stops the disk in its next sync. Returns the function that lets it go on. */
function stopDisk({ disk }: LogFixture): () => void {
  let release = (): void => {};
  disk.gate = new Promise((resolve) => {
    release = resolve;
  });
  return () => {
    disk.gate = null;
    release();
  };
}

function recorded({ disk }: LogFixture): number {
  return disk.records().filter(({ event, detail }) => event === 'send.allowed' && detail?.strict === true).length;
}

strict('on a slow disk the message waits for its record, and what was sent before it does not', async () => {
  const { harness, sender, receiver, to, ...fixture } = await site();
  const goOn = stopDisk(fixture);
  sender.send({ to, port: PORT, payload: 'before' }, { to, port: STRICT_PORT, payload: 'strict' });
  await settle();
  assert.equal(receiver.read().payloads, ['before'], 'delivered before the record was durable');
  sender.send({ to, port: PORT, payload: 'after' });
  await settle();
  assert.equal(receiver.read().payloads, ['before']);
  goOn();
  await settle();
  assert.is(recorded(fixture), 1);
  assert.equal(receiver.read().payloads, ['before', 'strict', 'after']);
  harness.close();
});

strict('while the disk fails the message is not delivered; its record goes first when the disk recovers', async () => {
  const { harness, sender, receiver, to, ...fixture } = await site();
  const { disk, clock, log } = fixture;
  disk.broken.set('datasync', 'EIO');
  sender.send({ to, port: STRICT_PORT, payload: 'strict' });
  await settle();
  assert.not.ok(log.healthy);
  assert.equal(receiver.read().payloads, []);
  clock.advance(RETRY_MS);
  await settle();
  assert.equal(receiver.read().payloads, [], 'delivered although the retry failed');
  disk.broken.clear();
  clock.advance(RETRY_MS);
  await settle();
  assert.is(recorded(fixture), 1);
  assert.equal(receiver.read().payloads, ['strict']);
  harness.close();
});

strict('each message has a record of its own, whatever its rate, and all of one turn wait for one sync', async () => {
  const { harness, sender, receiver, to, ...fixture } = await site();
  const syncs = fixture.disk.syncs;
  sender.send(...Array.from({ length: 100 }, () => ({ to, port: STRICT_PORT, payload: 'x' })));
  await settle();
  assert.is(receiver.read().payloads.length, 100);
  assert.is(recorded(fixture), 100);
  // A message with a record of its own earns less than it costs, so a turn works on a slice of them: about nine.
  assert.ok(fixture.disk.syncs - syncs < 20, `${fixture.disk.syncs - syncs} syncs`);
  harness.close();
});

strict('a flood of denials does not delay it until the end of the window', async () => {
  const { log } = await openOn();
  for (let index = 0; index < 1_000; index++) log.denied(denialOf(), index, 1);
  log.strict(permitOf(), 7, 1);
  assert.ok(await new Promise((resolve) => log.whenWritten(resolve)));
});

strict('a sender whose share of the log is used up is not admitted until the share has grown again', async () => {
  const { log, clock, disk } = await openOn();
  let sent = 0;
  for (; log.admitsStrict(permitOf()); sent++) log.strict(permitOf(), 7, 1);
  assert.ok(sent >= DOMAIN_BYTES_PER_HOUR / LOG_BURST_PARTS / RECORD_PRICE_BYTES, `${sent} records`);
  await durable(log);
  assert.is(recorded({ log, clock, disk }), sent, 'every admitted message has its record');
  clock.advance(60_000);
  assert.ok(log.admitsStrict(permitOf()));
});

strict('no message is admitted whose record would be lost in a backlog', async () => {
  const fixture = await openOn();
  const { log } = fixture;
  const goOn = stopDisk(fixture);
  await turns();
  for (let index = 0; index < 19_999; index++)
    log.record({ event: 'admin.request', reason: 'DONE', detail: { index } });
  assert.ok(log.admitsStrict(permitOf()));
  log.strict(permitOf(), 7, 1);
  assert.not.ok(log.admitsStrict(permitOf()));
  assert.ok(log.healthy, 'nothing was lost');
  goOn();
  await durable(log);
  assert.ok(log.admitsStrict(permitOf()));
});

strict.run();
