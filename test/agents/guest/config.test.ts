/** agent.yaml and the words of the local protocol: defaults, bad keys, and that docs/agent.md tells them all. */
import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AGENT_ERROR_CODES, type AgentError, readConfig, resolveConfig } from '../../../clients/agents/guest/index.ts';
import { formatRequest, type LocalRequest, parseRequest } from '../../../clients/agents/guest/request.ts';
import { VM_ERROR_CODES } from '../../../clients/vm/index.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const config = suite('agent: configuration');
const docs = readFileSync(new URL('../../../docs/agent.md', import.meta.url), 'utf8');
const hosts = readFileSync(new URL('../../../docs/hosts.md', import.meta.url), 'utf8');

config('only the identity is required; paths are relative to the file', () => {
  assert.equal(resolveConfig({ identity: 'id' }, '/etc/argus', 'test'), {
    carrier: 'serial:/dev/virtio-ports/argus.0',
    identity: '/etc/argus/id',
    broker: null,
    cloneSafe: false,
    renewal: null,
    socket: '/run/argus/agent.sock',
    socketMode: '0600',
    enrol: null,
    audio: null,
    network: null,
  });
});

config('the directories of vchans are relative to the file', () => {
  const audioOf = (audio: object): unknown => resolveConfig({ identity: 'i', audio }, '/etc/argus', 'test').audio;
  assert.equal(audioOf({ vchan: 'v' }), { audioVm: 'audio-vm', vchan: '/etc/argus/v' });
  assert.equal(audioOf({ vchanConnect: 'v' }), { audioVm: 'audio-vm', vchanConnect: '/etc/argus/v' });
});

const BAD: readonly (readonly [label: string, input: unknown, named: RegExp])[] = [
  ['nothing', {}, /identity/],
  ['no object', 'x', /the file/],
  ['an unknown key', { identity: 'i', sokcet: 's' }, /sokcet/],
  ['a mode without its leading zero', { identity: 'i', socketMode: '660' }, /socketMode/],
  ['a path that no socket can have', { identity: 'i', socket: `/${'x'.repeat(200)}` }, /socket/],
  ['sound without a directory', { identity: 'i', audio: {} }, /audio.*"vchan" or "vchanConnect"/],
  ['sound with both', { identity: 'i', audio: { vchan: 'a', vchanConnect: 'b' } }, /audio.*not both/],
  ['enrolment without a token', { identity: 'i', enrol: { name: 'a' } }, /enrol\.token/],
];

for (const [label, input, named] of BAD) {
  config(`${label} is refused by name`, () => {
    try {
      resolveConfig(input, '/', 'test');
    } catch (error) {
      assert.is((error as AgentError).code, 'ERR_AGENT_CONFIG');
      assert.match((error as AgentError).message, named);
      return;
    }
    assert.unreachable();
  });
}

config('a file that is missing or no YAML is an error with the file in it', () => {
  const file = `${temporaryDirectory()}/agent.yaml`;
  assert.throws(
    () => readConfig(file),
    (error: AgentError) => error.code === 'ERR_AGENT_CONFIG_FILE',
  );
  writeFileSync(file, 'identity: [');
  assert.throws(
    () => readConfig(file),
    (error: AgentError) => error.code === 'ERR_AGENT_CONFIG',
  );
  writeFileSync(file, 'identity: id\n');
  assert.match(readConfig(file).identity, /\/id$/);
});

config('requests read back as written', () => {
  const requests: LocalRequest[] = [
    { kind: 'recv', port: 4_294_967_295, partner: 'any', length: 4096, untilGone: false },
    { kind: 'recv', port: 0, partner: 'mail-vm', length: 4096, untilGone: true },
    { kind: 'send', domain: 'audio-vm', port: 0, type: 4_294_967_295, deadlineMs: 3_600_000, from: 9 },
  ];
  for (const request of requests) assert.equal(parseRequest(formatRequest(request).trimEnd()), request);
});

config('every key, error code and word of the protocol is documented', () => {
  for (const key of ['carrier', 'identity', 'broker', 'renewal', 'socket', 'socketMode', 'enrol', 'audio', 'network'])
    assert.match(docs, new RegExp(`\\| \`${key}`), key);
  for (const code of AGENT_ERROR_CODES) assert.ok(docs.includes(`\`${code}\``), code);
  for (const code of VM_ERROR_CODES) assert.ok(hosts.includes(`\`${code}\``), code);
  assert.ok(docs.includes('recv PORT PARTNER LENGTH') && docs.includes('send DOMAIN PORT TYPE DEADLINE'));
});

config.run();
