/** What a message needs besides its own permission. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsOfMessage, readQuestion } from '../../policy/index.ts';
import { compileTexts } from './compile.ts';

const needs = suite('needs of a message');

const DOMAINS = `labels: []
domains:
  - {name: bare-vm, domid: 1}
  - {name: full-vm, domid: 2, mac: '02:00:00:00:00:02', ipv4: 10.0.0.2, ipv6: 'fd00::2'}
  - {name: router-vm, domid: 3, mac: '02:00:00:00:00:03', routes: [0.0.0.0/0]}
`;
const SERVICES = `classes:
  - {name: ether, ports: [1], inspector: ethernet, permissions: [arp, ipv4, ipv6, other], flow: to-destination}
  - {name: lease, ports: [2], inspector: dhcp, permissions: [discover, offer, request, decline, ack, nak, release, inform], flow: both}
  - {name: way, ports: [3], inspector: route, permissions: [announce, announce-default, withdraw, request], flow: to-destination}
  - {name: data, ports: [4], inspector: opaque, permissions: [send], flow: to-destination}
`;

const ADDRESSES: readonly (readonly [question: string, missing: string, declared: string])[] = [
  ['bare-vm full-vm ether arp', 'mac ipv4', ''],
  ['full-vm bare-vm ether arp', '', 'mac ipv4'],
  ['bare-vm full-vm ether ipv4', 'mac ipv4, or routes', ''],
  ['router-vm full-vm ether ipv4', '', 'mac ipv4, or routes'],
  ['full-vm bare-vm ether ipv6', '', 'mac'],
  ['bare-vm full-vm lease discover', 'mac', ''],
  ['bare-vm full-vm lease offer', '', ''],
  ['router-vm full-vm way announce-default', 'ipv4 or ipv6', 'routes'],
  ['full-vm bare-vm way announce', 'routes', 'ipv4 or ipv6'],
  ['bare-vm full-vm way request', '', ''],
  ['bare-vm full-vm data send', '', ''],
];
for (const [text, missing, declared] of ADDRESSES) {
  needs(`${text}: missing "${missing}", declared "${declared}"`, async () => {
    const policy = await compileTexts({
      domains: DOMAINS,
      services: SERVICES,
      policy: 'p, @any, @any, data, send, allow\n',
    });
    const question = readQuestion(policy, text.split(' ') as unknown as [string, string, string, string]);
    assert.ok(typeof question !== 'string', String(question));
    const found = needsOfMessage(policy, question).filter(({ kind }) => kind === 'address');
    const named = (isDeclared: boolean): string =>
      found
        .filter(({ allowed }) => allowed === isDeclared)
        .map(({ what }) => what.replace(/^\S+ has (.*) in domains.yaml$/, '$1'))
        .join(' ');
    assert.equal([named(false), named(true)], [missing, declared]);
  });
}

needs('class argo decides four times more: both connect, the send, the ring', async () => {
  const policy = await compileTexts({
    domains: DOMAINS,
    services: SERVICES,
    policy:
      'p, bare-vm, broker, argo, enable, allow\np, bare-vm, full-vm, argo, send, allow\np, full-vm, bare-vm, argo, register_single_source, allow\n',
  });
  const question = readQuestion(policy, ['bare-vm', 'full-vm', 'data', 'send']);
  assert.ok(typeof question !== 'string');
  assert.equal(
    needsOfMessage(policy, question).map(({ allowed }) => allowed),
    [true, false, true, true],
  );
});

needs.run();
