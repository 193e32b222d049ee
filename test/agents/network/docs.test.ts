import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { parseDhcpConfig } from '../../../clients/agents/network/dhcp/config.ts';
import { NET_ERROR_CODES } from '../../../clients/agents/network/errors.ts';
import { parseNetworkConfig } from '../../../clients/agents/network/index.ts';
import { argusProgram } from '../../../clients/cli/program.ts';

const docs = suite('docs/network.md');
const text = readFileSync(new URL('../../../docs/network.md', import.meta.url), 'utf8');
const yaml = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, body = '']) => body);

docs('explains every error code, and no other', () => {
  const explained = [...text.matchAll(/^\| `(ERR_NET_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  assert.equal([...explained].sort(), [...NET_ERROR_CODES].sort());
});

docs('its DHCP file and its agent file are accepted', () => {
  const dhcp = yaml.find((body) => body.startsWith('server:')) ?? '';
  assert.is(parseDhcpConfig(dhcp, 'docs').hosts.length, 2);
  const agent = yaml.find((body) => body.startsWith('carrier:')) ?? '';
  const config = parseNetworkConfig(parse(agent), 'docs');
  assert.is(config.connect.length + config.listen.length, 2);
});

docs('names only flags that there are', async () => {
  const net = (await argusProgram()).commands.find((command) => command.name() === 'net');
  const known = new Set(net?.commands.flatMap(({ options }) => options.map(({ long }) => long)));
  const blocks = [...text.matchAll(/argus net (?:link|dhcp|routes|connect|listen|agent)((?:[^\n]*\\\n)*[^\n`]*)/g)];
  assert.ok(blocks.length > 8);
  for (const [, rest = ''] of blocks)
    for (const [flag] of rest.matchAll(/--[a-z0-9-]+/g)) assert.ok(known.has(flag), flag);
});

docs.run();
