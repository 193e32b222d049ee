/** Each command that lasts ends in order by a signal that comes with the first thing that others can see of it. */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { argusProgram } from '../../clients/cli/program.ts';
import { LASTING } from '../../clients/cli/progress/index.ts';
import { nodesOf } from '../../clients/cli/tree/node.ts';
import { type Installation, withInstallation } from '../support/installation/installation.ts';
import { CLI, nodeArguments } from '../support/program.ts';

const lasting = suite('commands that last');

/** What others see first: a line of its output, or the file of a socket. */
type Seen = { readonly line: RegExp } | { readonly socket: string };

interface Row {
  readonly args: readonly string[];
  readonly seen: Seen;
  /** Default 0. */
  readonly code?: number;
}

/** Where the commands of the table are tried elsewhere, or why a signal ends them as it ends any program. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'argus audio mixer': 'mixer-view.serial.test.ts: it needs a terminal',
  'argus console': 'it needs the built page; it waits as the witness does',
  'argus demo': 'demo.serial.test.ts: its exit codes are its own',
  'argus policy edit': 'what was typed stays in the copy, whatever ends it',
  'argus ring recv': 'it opens nothing but a connection to the agent',
  'argus ring send': 'it opens nothing but a connection to the agent',
  'argus top': 'top.serial.test.ts: it needs a terminal',
};

/** Each command has a session of its own, so a domain of its own. */
function rows(site: Installation, domainFor: (path: string) => string): Readonly<Record<string, Row>> {
  const at = (name: string): string => join(site.directory, name);
  const session = (path: string): string[] => {
    const domain = domainFor(path);
    return ['--carrier', site.carrierOf(domain), '--identity', site.identityOf(domain)];
  };
  const written = (name: string, content: unknown): string => {
    writeFileSync(at(name), JSON.stringify(content));
    return at(name);
  };
  const [agentCarrier = '', agentIdentity = ''] = session('argus agent').filter((word) => !word.startsWith('--'));
  const [netCarrier = '', netIdentity = ''] = session('argus net agent').filter((word) => !word.startsWith('--'));
  const link = { peers: ['other-vm'], qemu: at('qemu-agent.sock') };
  return {
    'argus agent': {
      args: [
        '--config',
        written('agent.yaml', { carrier: agentCarrier, identity: agentIdentity, socket: at('a.sock') }),
      ],
      seen: { socket: at('a.sock') },
    },
    'argus audio agent': {
      args: [
        ...session('argus audio agent'),
        '--mixer',
        at('m.sock'),
        '--audio-vm',
        'other-vm',
        '--capture',
        at('heard'),
      ],
      seen: { socket: at('m.sock') },
    },
    'argus audio qubes-control': {
      args: ['other-vm', '--control', site.control, '--directory', site.directory],
      seen: { socket: at('audio-control.other-vm') },
    },
    'argus audio service': {
      args: [...session('argus audio service'), '--record', at('wav'), '--status', at('status.sock')],
      seen: { socket: at('status.sock') },
    },
    'argus audit tail': { args: [site.audit, '--follow'], seen: { line: /./ } },
    'argus audit witness': {
      args: [at('witness'), '--unsealed', '--log', join(site.audit, 'checkpoint.vkey'), '--listen', '127.0.0.1:0'],
      seen: { line: /listens at/ },
    },
    'argus broker': {
      args: ['--config', written('other.yaml', { ...site.options(), audit: at('audit-2'), runtime: at('run-2') })],
      seen: { socket: at('run-2/control.sock') },
    },
    'argus device': {
      args: ['--domain', domainFor('argus device'), ...session('argus device'), '--entropy', at('rng.sock')],
      seen: { socket: at('rng.sock') },
    },
    'argus keys authority': {
      args: [site.authorityDirectory, ...session('argus keys authority')],
      seen: { line: /renews credentials/ },
    },
    'argus net agent': {
      args: ['--config', written('network.yaml', { carrier: netCarrier, identity: netIdentity, link })],
      seen: { socket: at('qemu-agent.sock') },
    },
    'argus net connect': {
      args: [...session('argus net connect'), '--local', '127.0.0.1:0', '--to', 'other-vm:70', '--reply-port', '71'],
      seen: { line: /connections to/ },
    },
    'argus net dhcp': {
      args: [
        ...session('argus net dhcp'),
        ...['--config', written('dhcp.yaml', { server: '10.1.0.1', network: '10.1.0.0/24', leaseSeconds: 3_600 })],
        ...['--leases', at('leases.json')],
      ],
      seen: { line: /giving out addresses/ },
    },
    'argus net link': {
      args: [...session('argus net link'), '--peer', 'other-vm', '--qemu', at('qemu.sock')],
      seen: { socket: at('qemu.sock') },
    },
    'argus net listen': {
      args: [...session('argus net listen'), '--port', '72', '--to', '127.0.0.1:1'],
      seen: { line: /streams to port/ },
    },
    'argus net routes': {
      args: [...session('argus net routes'), '--announce-to', 'other-vm', '--ipv4', '10.1.0.1'],
      seen: { line: /announcing/ },
    },
    'argus policy shadow': { args: [site.policy, '--control', site.control], seen: { line: /next to revision/ } },
    'argus vm enrol': {
      args: ['other-vm', '--authority', site.authorityDirectory, '--socket', at('enrol.sock')],
      seen: { socket: at('enrol.sock') },
      code: 1,
    },
  };
}

async function lastingPaths(): Promise<readonly string[]> {
  const paths = nodesOf(await argusProgram()).map(({ path }) => path);
  const isGroup = (path: string): boolean => paths.some((other) => other.startsWith(`${path} `));
  return paths.filter((path) => !isGroup(path) && LASTING.some((each) => path === each || path.startsWith(`${each} `)));
}

function isElsewhere(path: string): boolean {
  return Object.keys(ELSEWHERE).some((each) => path === each || path.startsWith(`${each} `));
}

/** Sends SIGTERM when it is seen; the code, or the signal that ended it, with what it printed. */
function endedWhenSeen(path: string, { args, seen }: Row): Promise<string> {
  const child = spawn(process.execPath, nodeArguments(CLI, ...path.split(' ').slice(1), ...args), { stdio: 'pipe' });
  let said = '';
  let isSent = false;
  const send = (): void => {
    if (isSent) return;
    isSent = true;
    child.kill('SIGTERM');
  };
  const look = setInterval(() => 'socket' in seen && existsSync(seen.socket) && send(), 1);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if ('line' in seen && seen.line.test(said)) send();
    });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearInterval(look);
      resolve(isSent ? `${code ?? signal}` : `${code ?? signal} before it was seen: ${said}`);
    });
  });
}

lasting('SIGTERM with the first thing that is seen ends it with its code', async () => {
  const paths = (await lastingPaths()).filter((path) => !isElsewhere(path));
  const domains = new Map(paths.map((path) => [path, `${path.split(' ').slice(1).join('-')}-vm`]));
  const domainFor = (path: string): string => domains.get(path) ?? '';
  const declared = Object.fromEntries([...domains.values(), 'other-vm'].map((name) => [name, ['@audio']]));
  await withInstallation({ domains: declared }, async (site) => {
    await site.broker();
    const table = rows(site, domainFor);
    assert.equal(Object.keys(table).sort(), [...paths].sort());
    const ends = await Promise.all(
      Object.entries(table).map(async ([path, row]) => [path, await endedWhenSeen(path, row)] as const),
    );
    assert.equal(
      Object.fromEntries(ends),
      Object.fromEntries(Object.entries(table).map(([path, { code = 0 }]) => [path, `${code}`])),
    );
  });
});

lasting.run();
