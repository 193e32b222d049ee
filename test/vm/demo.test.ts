/**
 * The demo in real virtual machines: sound from guest to guest through resets and a killed broker, an address and pings
 * over the link of two agents, and a hostile guest that gets nowhere and leaves traces.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasNewerPlatform } from '../../clients/machines/index.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { audited, withMachines } from './vm-fixture.ts';

const demo = suite('the demo in virtual machines');
const PROGRAM = 'clients/demo/main.ts';
const TOLD_LINES = 40;

withMachines(demo, '--vms ends with one object that says that everything held', async () => {
  const directory = temporaryDirectory();
  const options = { program: PROGRAM, env: { TMPDIR: directory } };
  const { code, stdout, stderr } = await runCli(['--vms', 'tcg', '--json', '--keep'], options);
  // All of this is shown by the runner only when the test has failed.
  const [kept = ''] = readdirSync(directory).filter((name) => name.startsWith('argus-demo-'));
  process.stdout.write(`${stdout}${stderr}${endsOf(readFileSync(join(directory, kept, 'consoles.txt'), 'utf8'))}`);
  assert.is(code, 0);
  assert.is(stdout.trimEnd().split('\n').length, 1, 'on stdout there is nothing but the object');
  const { ok, accelerator, sent, heard, altered, network, attacks, undisturbed, stock, audit } = JSON.parse(stdout);
  assert.is(ok, true);
  assert.is(accelerator, 'tcg');
  assert.equal(
    heard.map((one: { after: string; hash: string }) => [one.after, one.hash]),
    [
      ['the first boot', sent],
      ['the attacks', sent],
      ['a reset of chrome-vm', sent],
      ['kill -9 of the broker', sent],
      ['a reset of audio-vm', sent],
    ],
  );
  assert.equal(altered, []);
  assert.is(network.lease, '10.137.1.1');
  for (const line of [network.near, network.outside]) assert.match(line, ' 0% packet loss');
  assert.equal(
    attacks.map(({ name, how }: { name: string; how: string }) => `${name}: ${how}`),
    [
      'send without permission: EACCES',
      'look up a domain it may not reach: EACCES',
      'send to a domain that does not exist: EACCES',
      'open the microphone: EACCES',
      'send to an app: EACCES',
      'put a frame on the network: EACCES',
      'give chrome-vm an address: EACCES',
      'register a wildcard ring: EACCES',
      'register a ring for chrome-vm: EACCES',
      'name chrome-vm as the source: EACCES',
      'send malformed frames: session closed: fault',
      "use chrome-vm's key on its own port: session closed: wrongCarrier",
      'use a stolen credential without its key: session closed: refused',
      "replay chrome-vm's recorded bytes: session closed: wrongCarrier",
      'say hello without a signature, after garbage: session closed: refused',
    ],
  );
  assert.is(undisturbed, true);
  if (hasNewerPlatform()) assert.ok(Math.abs(stock.hertz - 1_000) < 20, `${stock.hertz} Hz`);
  else assert.match(stock.missing, 'bookworm-backports');
  assert.is(audit.verified, true);
  const refusals = audited(join(directory, kept, 'audit'), 'session.refused');
  assert.ok(refusals.some(({ reason, src }) => reason === 'WRONG_PEER' && nameOf(src) === 'rogue-vm'));
});

demo('--vms without what it needs names the packages, exits 1 and leaves nothing behind', async () => {
  const directory = temporaryDirectory();
  const [empty, temporary] = [join(directory, 'empty'), join(directory, 'tmp')];
  for (const each of [empty, temporary]) mkdirSync(each);
  const { code, stdout, stderr } = await runCli(['--vms'], {
    program: PROGRAM,
    env: { PATH: empty, TMPDIR: temporary },
  });
  assert.is(code, 1);
  assert.is(stdout, '');
  for (const part of ['qemu-system-x86', 'Fedora', 'linux-image-cloud-amd64', 'apt-get update', 'ERR_DEMO_MACHINES'])
    assert.match(stderr, part);
  assert.equal(
    readdirSync(temporary).filter((name) => name.startsWith('argus-')),
    [],
  );
});

demo('--vms takes no recording', async () => {
  const { code, stderr } = await runCli(['--vms', '--wav', 'a.wav'], { program: PROGRAM });
  assert.is(code, 2);
  assert.match(stderr, /--vms.*cannot be used with.*--wav|--wav.*cannot be used with.*--vms/);
});

demo.run();

/** The last lines of each machine's console. */
function endsOf(consoles: string): string {
  return consoles
    .split(/^(?=-- )/m)
    .map((each) => {
      const [name = '', ...lines] = each.trimEnd().split('\n');
      return `${[name, ...lines.slice(-TOLD_LINES)].join('\n')}\n`;
    })
    .join('\n');
}

function nameOf(domain: unknown): unknown {
  return typeof domain === 'object' && domain !== null && 'domain' in domain ? domain.domain : null;
}
