/**
 * A flush of more flows than records may wait for the disk: 14 of 160 VMs send to all ports of the others. A backlog is
 * back-pressure: nobody gets EIO, and every message is counted exactly once.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_FLOW_INTERVAL_MS, MAX_RETAINED_RECORDS } from '../../../broker/audit/limits.ts';
import { Status } from '../../../broker/wire/index.ts';
import { CoreHarness, OPEN, PORT } from '../../support/core/harness.ts';
import { type LogFixture, openOn, settle } from '../fixtures.ts';

const backlog = suite('audit: a backlog of flows');

const VMS = Array.from({ length: 160 }, (_, index) => `vm-${index}`);
const SENDERS = VMS.slice(0, 14);
const RECEIVERS = VMS.slice(14, 118);
const [INNOCENT = '', FRIEND = ''] = VMS.slice(158);
const PORTS = 16;
const FLOWS = SENDERS.length * RECEIVERS.length * PORTS;

class Site {
  readonly fixture: LogFixture;
  readonly harness: CoreHarness;
  sent = 0;

  constructor(fixture: LogFixture, harness: CoreHarness) {
    this.fixture = fixture;
    this.harness = harness;
  }

  static async open(): Promise<Site> {
    const fixture = await openOn();
    const harness = await CoreHarness.of({ domains: VMS, rows: OPEN }, { routesPerDomain: 8_192 }, fixture.log);
    for (const receiver of [...RECEIVERS, FRIEND])
      for (let port = PORT; port < PORT + PORTS; port++) harness.register(receiver, 'ANY', { port, length: 65_536 });
    return new Site(fixture, harness);
  }

  send(from: string, to: string, port: number): void {
    assert.is(this.harness.send(from, to, { port, payload: 'x' }), Status.OK, `${from} to ${to}:${port}`);
    this.sent += 1;
  }

  sendAll(): void {
    for (const sender of SENDERS)
      for (const receiver of RECEIVERS)
        for (let port = PORT; port < PORT + PORTS; port++) this.send(sender, receiver, port);
  }

  /** One more message of the pair that floods nothing. */
  sendInnocent(): void {
    assert.ok(this.fixture.log.healthy, 'the log failed');
    this.send(INNOCENT, FRIEND, PORT);
  }

  counted(): { flows: number; messages: number; gaps: number } {
    const records = this.fixture.disk.records();
    const flows = records.filter(({ event }) => event === 'flow');
    const messages = flows.reduce((sum, one) => sum + (one.messages ?? 0), 0);
    return { flows: flows.length, messages, gaps: records.filter(({ event }) => event === 'audit.gap').length };
  }
}

backlog('on an idle disk a flush of 23 296 flows stops nobody, and counts exactly', async () => {
  assert.is(FLOWS, 23_296);
  assert.ok(FLOWS > MAX_RETAINED_RECORDS);
  const site = await Site.open();
  site.sendAll();
  site.fixture.clock.advance(DEFAULT_FLOW_INTERVAL_MS);
  for (let turn = 0; turn < 20; turn++) {
    site.sendInnocent();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await site.fixture.log.close();
  const { flows, messages, gaps } = site.counted();
  assert.equal([messages, gaps], [site.sent, 0]);
  assert.ok(flows > FLOWS, `${flows} records of flows`);
});

backlog('while the disk stands still in the flush, the flows count on', async () => {
  const site = await Site.open();
  site.sendAll();
  let release = (): void => {};
  site.fixture.disk.gate = new Promise((resolve) => {
    release = resolve;
  });
  for (let interval = 0; interval < 3; interval++) {
    site.fixture.clock.advance(DEFAULT_FLOW_INTERVAL_MS);
    await settle();
    site.sendInnocent();
    if (interval === 0) site.sendAll();
  }
  site.fixture.disk.gate = null;
  release();
  await site.fixture.log.close();
  const { messages, gaps } = site.counted();
  assert.equal([messages, gaps], [site.sent, 0]);
});

backlog.run();
