/** What the operator of a link is told when the broker refuses what the VM behind it sends. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dhcpFrame } from '../../../../clients/agents/network/link/dhcp-frame.ts';
import { Link, lossesOf } from '../../../../clients/agents/network/link/link.ts';
import { wordError } from '../../../../clients/sdk/errors.ts';
import { dhcpMessage, frame, mac } from '../packets.ts';
import { SessionDouble } from '../session-double.ts';

const refusal = suite('a refusal');
const CHROME = '02:00:00:00:01:01';

/** Sends `requests` requests that the broker refuses with `word`: what was said. */
async function saidOf(word: 'EINVAL' | 'EACCES' | 'ECONNREFUSED', requests: number): Promise<readonly string[]> {
  const session = new SessionDouble('chrome-vm');
  session.outcome = () => Promise.reject(wordError(word, 'sendv'));
  const said: string[] = [];
  const link = new Link(session, { peers: ['net-vm'], dhcp: { ask: 'net-vm' }, say: (line) => void said.push(line) });
  await link.open();
  const request = dhcpFrame({
    destination: Uint8Array.of(255, 255, 255, 255, 255, 255),
    source: Uint8Array.from(mac(CHROME)),
    from: 0,
    to: null,
    toPort: 67,
    message: dhcpMessage({ chaddr: CHROME }),
  });
  for (let count = 0; count < requests; count++) link.send(request);
  await new Promise((resolve) => setImmediate(resolve));
  await link.close();
  return said;
}

refusal('of DHCP is said once, by name, with what to look at', async () => {
  const [line, ...more] = await saidOf('EINVAL', 3);
  assert.match(line ?? '', /chrome-vm to net-vm is refused \(EINVAL\).*"chrome-vm" in domains\.yaml/);
  assert.equal(more, []);
  const [denied] = await saidOf('EACCES', 1);
  assert.match(denied ?? '', /EACCES.*no row of class dhcp/);
});

refusal('of DHCP is not said of a server that is not there yet', async () => {
  assert.equal(await saidOf('ECONNREFUSED', 2), []);
});

refusal('of a frame is counted with what the frame was', async () => {
  const session = new SessionDouble('chrome-vm');
  session.outcome = () => Promise.reject(wordError('EINVAL', 'sendv'));
  const link = new Link(session, { peers: ['net-vm'], dhcp: null });
  await link.open();
  for (const type of [0x86dd, 0x0806, 0x86dd, 0x0800, 0x88cc]) link.send(frame(CHROME, CHROME, type, [1, 2, 3]));
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(
    lossesOf(link.counters),
    'frames: 5 sent, 0 received; lost: 2 EINVAL (IPv6), 1 EINVAL (ARP), 1 EINVAL (IPv4), 1 EINVAL (other)',
  );
  await link.close();
});

refusal.run();
