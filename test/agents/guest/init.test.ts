/** What starts the agent in a guest, held against the programs that read it: systemd, OpenRC and Nix. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundleAgent } from '../../../clients/agents/guest/bundle.ts';
import { findBinary, needs, needsThat } from '../../support/needs.ts';
import { evaluateNix, type NixUnit, serviceLinesIn, serviceLinesOf } from '../../support/nix.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { GuestFixture } from './guest-fixture.ts';

const init = suite('agent: what starts it');

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`../../../clients/agents/guest/init/${name}`, import.meta.url));
const UNIT = fileOf('argus-agent.service');
/** Of 100; what is left is root, the network of the guest when asked for, and no filter of system calls. */
const MAX_EXPOSURE = '40';

const withSystemd = needs('systemd-analyze', 'systemd');

/** What systemd has to say about a unit with these drop-ins, except that its program is not installed here. */
function complaintsOf(name: string, unit: string, ...dropIns: readonly string[]): readonly string[] {
  const directory = temporaryDirectory();
  const path = join(directory, name);
  writeFileSync(path, unit);
  mkdirSync(`${path}.d`);
  for (const [index, text] of dropIns.entries()) writeFileSync(join(`${path}.d`, `${index}.conf`), text);
  const said = execFileSync('sh', ['-c', 'systemd-analyze verify --man=no "$0" 2>&1 || true', path], {
    encoding: 'utf8',
  });
  return said.split('\n').filter((line) => line !== '' && !/Command \S+ is not executable/.test(line));
}

withSystemd(init, 'systemd understands every word of the unit and its drop-in, and finds it hardened', () => {
  const [unit, network] = [readFileSync(UNIT, 'utf8'), readFileSync(fileOf('argus-agent-network.conf'), 'utf8')];
  assert.equal(complaintsOf('argus-agent.service', unit), []);
  assert.equal(complaintsOf('argus-agent.service', unit, network), []);
  assert.match(complaintsOf('argus-agent.service', unit.replace('UMask=', 'UMaks='))[0] ?? '', 'UMaks');
  execFileSync('systemd-analyze', ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, UNIT], {
    stdio: 'pipe',
  });
});

withSystemd(init, 'and of the broker’s, as docs/broker.md has it', () => {
  const text = readFileSync(new URL('../../../docs/broker.md', import.meta.url), 'utf8');
  const [unit = '', more = ''] = [...text.matchAll(/```ini\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  assert.match(more, 'CAP_CHOWN');
  assert.equal(complaintsOf('argus.service', unit, `[Service]\n${more}`), []);
});

const NIX = `
let
  of = cfg: (import MODULE { inherit lib pkgs; config.services.argus-agent = cfg; }).config;
  on = settings: (of { enable = true; bundle = "/argus.mjs"; inherit settings; }).systemd.services.argus-agent;
in
{
  off = of { enable = false; bundle = "/argus.mjs"; settings = { }; };
  plain = on { };
  network = on { network.connect = [ ]; };
}`;

needs('nix-instantiate', 'nix-bin')(init, 'the NixOS module starts the agent as the unit and its drop-in do', () => {
  const { off, plain, network } = evaluateNix(NIX.replace('MODULE', fileOf('argus-agent.nix'))) as {
    readonly off: object;
    readonly plain: NixUnit;
    readonly network: NixUnit;
  };
  const [unit, dropIn] = [readFileSync(UNIT, 'utf8'), readFileSync(fileOf('argus-agent-network.conf'), 'utf8')];
  assert.equal(off, {});
  assert.equal(serviceLinesOf(plain), serviceLinesIn(unit));
  assert.equal(serviceLinesOf(network), serviceLinesIn(unit, dropIn));
  assert.is(
    plain.serviceConfig.ExecStart,
    '/node/bin/node --max-semi-space-size=1 /argus.mjs agent --config /agent.yaml',
  );
  assert.equal([plain.path, network.path], [[], ['/iproute2', '/perl']]);
});

needsThat(() => process.geteuid?.() === 0, 'root')(init, 'the agent needs none of root’s powers', async () => {
  const fixture = await GuestFixture.build();
  const [bundle, config] = await agentFiles(fixture);
  const without = ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'];
  const agent = spawn('setpriv', [...without, process.execPath, bundle, 'agent', '--config', config]);
  let said = '';
  await new Promise<void>((resolve) => {
    agent.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      if (said.includes('programs connect to')) resolve();
    });
    agent.once('exit', () => resolve());
  });
  assert.match(said, 'programs connect to');
  agent.kill('SIGTERM');
  assert.equal(await once(agent, 'exit'), [0, null]);
  await fixture.close();
});

/** In a mount namespace of its own, so that nothing of this machine's /run, /etc/init.d and /var/lib changes. */
const OPENRC = `set -eu
mount -t tmpfs none /run; mount -t tmpfs none /etc/init.d; mount -t tmpfs none /var/lib
for state in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled init.d tmp
do mkdir -p /run/openrc/$state; done
touch /run/openrc/softlevel
sed "s#/usr/bin/node#$1#; s#/usr/lib/argus/argus.mjs#$2#; s#/etc/argus/agent.yaml#$3#" "$0" >/etc/init.d/argus-agent
for service in localmount dev net; do printf '#!/sbin/openrc-run\\nstart() { :; }\\n' >/etc/init.d/$service; done
chmod 755 /etc/init.d/*
trap 'rc-service argus-agent stop >/dev/null 2>&1' EXIT
serves() { until [ -S "$4" ] && ! [ "$(cat /run/openrc/options/argus-agent/child_pid)" = "$5" ]; do sleep 0.1; done; }
rc-service argus-agent start >&2
serves "$@" 0
stat -c '%n %a' /run/argus /var/lib/argus
rc-service argus-agent status
first=$(cat /run/openrc/options/argus-agent/child_pid)
rm "$4"; kill -9 "$first"
serves "$@" "$first"
echo again
rc-service argus-agent stop >&2
[ -S "$4" ] || echo gone
`;

const withOpenrc = needsThat(
  () => process.geteuid?.() === 0 && findBinary('openrc-run') !== null,
  'openrc-run, root and mount namespaces (apt-get install openrc)',
);
withOpenrc(init, 'OpenRC starts it, starts it again when it is killed, and stops it', async () => {
  const fixture = await GuestFixture.build();
  const [bundle, config, socket] = await agentFiles(fixture);
  const words = ['-m', '--propagation', 'private', 'sh', '-c', OPENRC, fileOf('argus-agent.openrc')];
  const child = spawn('unshare', [...words, process.execPath, bundle, config, socket], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      said[name] += chunk;
    });
  const [code] = await once(child, 'exit');
  assert.is(code, 0, said.stderr);
  assert.equal(said.stdout.trim().split(/\n+/), [
    '/run/argus 755',
    '/var/lib/argus 700',
    ' * status: started',
    'again',
    'gone',
  ]);
  await fixture.close();
});

/** The agent's one file, its configuration as chrome-vm, and the socket that it will offer. */
async function agentFiles(fixture: GuestFixture): Promise<readonly [bundle: string, config: string, socket: string]> {
  const [bundle, config, socket] = [
    fixture.path('argus.mjs'),
    fixture.path('agent.yaml'),
    fixture.socketOf('chrome-vm'),
  ];
  await bundleAgent(bundle);
  const carrier = `unix:${fixture.path('run/chrome-vm.sock')}`;
  writeFileSync(config, JSON.stringify({ carrier, identity: fixture.path('chrome-vm'), socket }));
  return [bundle, config, socket];
}

init.run();
