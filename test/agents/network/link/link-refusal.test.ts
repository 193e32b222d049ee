/** What the operator of a link is told when the broker refuses the DHCP of the VM behind it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dhcpFrame } from '../../../../clients/agents/network/link/dhcp-frame.ts';
import { Link } from '../../../../clients/agents/network/link/link.ts';
import { wordError } from '../../../../clients/sdk/errors.ts';
import { dhcpMessage, mac } from '../packets.ts';
import { SessionDouble } from '../session-double.ts';

const refusal = suite('refused DHCP');
const CHROME = '02:00:00:00:01:01';

/** Sends `requests` requests that the broker refuses with `word`: what was said. */
async function saidOf(word: 'EINVAL' | 'EACCES' | 'ECONNREFUSED', requests: number): Promise<readonly string[]> {
  const session = new SessionDouble('chrome-vm');
  session.outcome = () => Promise.reject(wordError(word, 'sendv'));
  const said: string[] = [];
  const link = new Link(session, { peers: ['net-vm'], dhcp: { ask: 'net-vm' }, say: (line) => void said.push(line) });
  await link.open();
  const frame = dhcpFrame({
    destination: Uint8Array.of(255, 255, 255, 255, 255, 255),
    source: Uint8Array.from(mac(CHROME)),
    from: 0,
    to: null,
    toPort: 67,
    message: dhcpMessage({ chaddr: CHROME }),
  });
  for (let count = 0; count < requests; count++) link.send(frame);
  await new Promise((resolve) => setImmediate(resolve));
  await link.close();
  return said;
}

refusal('is said once, by name, with what to look at', async () => {
  const [line, ...more] = await saidOf('EINVAL', 3);
  assert.match(line ?? '', /chrome-vm to net-vm is refused \(EINVAL\).*"chrome-vm" in domains\.yaml/);
  assert.equal(more, []);
  const [denied] = await saidOf('EACCES', 1);
  assert.match(denied ?? '', /EACCES.*no row of class dhcp/);
});

refusal('is not said of a server that is not there yet', async () => {
  assert.equal(await saidOf('ECONNREFUSED', 2), []);
});

refusal.run();
