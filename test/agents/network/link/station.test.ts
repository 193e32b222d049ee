import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ipv4Of, parsePrefix } from '../../../../broker/base/prefixes.ts';
import { PolicyError, routes4, routes6 } from '../../../../policy/index.ts';
import { networkDomains } from '../domains.ts';

const station = suite('addresses and routes in the inventory');

async function codesOf(...domains: readonly string[]): Promise<string> {
  const lines = domains.map((fields, index) => `  - {name: vm-${index}, domid: ${index}, labels: ['@app'], ${fields}}`);
  try {
    await networkDomains(`labels: [{name: '@app'}]\ndomains:\n${lines.join('\n')}\n`);
    return '';
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.findings.map(({ code, line }) => `${code}@${line}`).join(' ');
  }
}

const FIELDS: readonly (readonly [fields: string, codes: string])[] = [
  ["ipv6: 'fd00::2'", ''],
  ["ipv6: 'FD00::2'", 'F-009@3'],
  ["ipv6: 'fd00:0::2'", 'F-009@3'],
  ["ipv6: 'fe80::2'", 'F-009@3'],
  ["ipv6: 'ff02::1'", 'F-009@3'],
  ["ipv6: '::1'", 'F-009@3'],
  ['routes: [0.0.0.0/0, 10.0.0.0/8]', ''],
  ["routes: ['::/0', 'fd00::/8']", ''],
  ['routes: [10.0.0.1/8]', 'F-009@3'],
  ["routes: ['fd00::1/64']", 'F-009@3'],
  ['routes: [10.0.0.0]', 'F-009@3'],
  ['routes: [10.0.0.0/33]', 'F-009@3'],
  ['routes: [10.0.0.0/08]', 'F-009@3'],
];
for (const [fields, codes] of FIELDS) {
  station(`${fields} is ${codes === '' ? 'accepted' : 'refused where it stands'}`, async () => {
    const found = await codesOf(fields);
    assert.is(found === '' ? '' : 'F-009@3', codes, found);
  });
}

station('one IPv6 address for two domains is refused', async () => {
  assert.is(await codesOf("ipv6: 'fd00::2'", "ipv6: 'fd00::2'"), 'E-050@4');
});

const COVERED: readonly (readonly [prefix: string, covered: boolean, label: string])[] = [
  ['0.0.0.0/0', true, 'the default route itself'],
  ['192.0.2.0/24', true, 'a part of the Internet'],
  ['10.137.1.0/24', false, 'a prefix with a declared domain in it, by the default route alone'],
  ['0.0.0.0/1', false, 'half of everything, with declared domains in it'],
  ['10.137.2.0/24', true, 'a prefix that is listed'],
  ['10.137.2.3/32', true, 'a part of a prefix that is listed'],
  ['::/0', true, 'the IPv6 default route'],
  ['fd00::1:1/128', false, 'a declared IPv6 address'],
  ['2001:db8::/32', true, 'a part of the IPv6 Internet'],
];
for (const [text, covered, label] of COVERED) {
  station(`${text}, ${label}: ${covered ? 'routed' : 'not routed'}`, async () => {
    const { station: router } = (await networkDomains())('net-vm');
    const prefix = parsePrefix(text);
    if (prefix === null) throw new Error(text);
    const { family, base, length } = prefix;
    assert.is(family === 4 ? routes4(router, ipv4Of(base), length) : routes6(router, base, 0, length), covered);
  });
}

station('who lists nothing routes nothing', async () => {
  const { station: chrome } = (await networkDomains())('chrome-vm');
  assert.is(routes4(chrome, 0, 0), false);
  assert.is(routes4(chrome, 0xc0000201, 32), false);
  assert.is(routes6(chrome, new Uint8Array(16), 0, 0), false);
});

station.run();
