/** The IPv6 addresses that domains chose, on the real core: whose they are over sessions, revisions and queued messages. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DATA_FRAME_HEADER_BYTES, DOMID_ANY, encodeDataFrame, Op, Status } from '../../broker/wire/index.ts';
import { CoreHarness, compile, OPEN } from '../support/core/harness.ts';

const test = suite('chosen addresses in the core');

const ETHERNET = 4715;
const about = (first: string, second: string): Record<string, string> => ({
  chrome: `mac: "02:00:00:00:01:01"\n    slaac: ["${first}"]`,
  mail: `mac: "02:00:00:00:01:02"\n    slaac: ["${second}"]`,
});
const PREFIX = 'fd00:0:0:1::/64';
const POLICY = {
  domains: ['chrome', 'mail', 'net'],
  rows: [...OPEN, 'p, @any, @any, ethernet, ipv6, allow'],
  about: about(PREFIX, PREFIX),
};

/** An IPv6 packet without payload from fd00:0:0:1::a1b2 to nowhere. */
function packet(station: number): Uint8Array {
  const frame = new Uint8Array(54);
  frame.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 1, station, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 64]);
  frame.set([0xfd, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xa1, 0xb2], 22);
  return frame;
}

async function withAddress(): Promise<CoreHarness> {
  const core = await CoreHarness.of(POLICY);
  core.register('net', 'ANY', { port: ETHERNET });
  assert.is(core.send('chrome', 'net', { port: ETHERNET, payload: packet(1) }), Status.OK);
  return core;
}

test('the first domain has the address, and the refusal of the second says why', async () => {
  const core = await withAddress();
  assert.is(core.send('mail', 'net', { port: ETHERNET, payload: packet(2) }), Status.EINVAL);
  assert.match(core.denials().join(), 'FOREIGN_ADDRESS mail>net');
});

test('the address is not free because its owner reboots', async () => {
  const core = await withAddress();
  core.disconnect('chrome');
  assert.is(core.send('mail', 'net', { port: ETHERNET, payload: packet(2) }), Status.EINVAL);
});

test('a revision that takes the prefix frees the address', async () => {
  const core = await withAddress();
  await core.adopt(POLICY);
  assert.is(core.send('mail', 'net', { port: ETHERNET, payload: packet(2) }), Status.EINVAL, 'the same policy again');
  await core.adopt({ ...POLICY, about: about('fd00:0:0:2::/64', PREFIX) });
  assert.is(core.send('mail', 'net', { port: ETHERNET, payload: packet(2) }), Status.OK);
});

test('a frame from a chosen address that waits stays where the prefix stays, and is withdrawn with it', async () => {
  for (const [prefix, keeps] of [
    [PREFIX, true],
    ['fd00:0:0:2::/64', false],
  ] as const) {
    const core = await withAddress();
    const payload = packet(1);
    const queued = new Uint8Array(DATA_FRAME_HEADER_BYTES + payload.length);
    encodeDataFrame(new DataView(queued.buffer), 0, {
      op: Op.deliver,
      flags: 0,
      id: core.at('net').messages[0]?.id ?? 0,
      source: core.domid('chrome'),
      destination: DOMID_ANY,
      sourcePort: 0,
      destinationPort: ETHERNET,
      messageType: 0,
      payload,
    });
    const { withdrawals } = core.argo.adopt(await compile({ ...POLICY, about: about(prefix, PREFIX) }, 2));
    assert.is(withdrawals.keeps(core.state('net'), queued, 0, queued.length), keeps, prefix);
  }
});

test.run();
