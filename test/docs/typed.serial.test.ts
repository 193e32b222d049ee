/** Blocks of docs/ that no other test types, each in an empty folder: audio.md, grants.md, commands.md and agent.md. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GuestFixture } from '../agents/guest/guest-fixture.ts';
import { accepts } from '../support/accepts.ts';
import { until } from '../support/audio/host.ts';
import { CLI, LOADER, programFile, WORKING_TREE } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { commandBlocks } from './blocks.ts';

const typed = suite('blocks of docs/, as typed');

/** The block of a page that begins so, as a script. */
function blockOf(page: string, start: string): string {
  const text = readFileSync(join(WORKING_TREE, page), 'utf8');
  const body = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const found = body.find((block) => block.startsWith(start));
  assert.ok(found !== undefined, `${page} has a block that begins with "${start}"`);
  return found;
}

/** An empty folder, and a shell whose `argus` is this checkout's. */
class Workshop {
  readonly directory = temporaryDirectory();
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv = {}) {
    const bin = join(temporaryDirectory(), 'bin');
    mkdirSync(bin);
    const program = [process.execPath, ...LOADER, programFile(CLI)].map((word) => `'${word}'`).join(' ');
    writeFileSync(join(bin, 'argus'), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
    this.#env = { ...process.env, ...env, PATH: `${bin}:${process.env.PATH ?? ''}` };
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  type(script: string): string {
    const { status, stdout, stderr } = spawnSync('bash', ['-euc', script], {
      cwd: this.directory,
      env: this.#env,
      encoding: 'utf8',
    });
    assert.is(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  /** A shell of its own, which is ended with all that it started. */
  start(script: string): ChildProcess {
    return spawn('bash', ['-euc', script], { cwd: this.directory, env: this.#env, detached: true, stdio: 'pipe' });
  }
}

/** The commands of a block whose lines say behind them what they do. */
function withoutMeanings(block: string): string {
  return block.replaceAll(/ {2,}\S.*$/gm, '');
}

typed('audio.md sets up a host in an empty folder; grants.md and commands.md work there', async () => {
  const shop = new Workshop();
  const host = shop.start(`${blockOf('docs/audio.md', 'argus keys init')}wait`);
  const ended = once(host, 'close');
  let said = '';
  host.stderr?.on('data', (text: Buffer) => {
    said += text.toString();
  });
  try {
    await until('the broker of the page serves', async () => {
      if (host.exitCode !== null) throw new Error(said);
      return accepts(shop.at('run/control.sock'));
    });
    // The commands find the broker by the argus.yaml of this folder.
    const granted = shop.type(withoutMeanings(blockOf('docs/grants.md', 'argus grant')));
    assert.match(granted, /chrome-vm has @mic for 600 s[\s\S]*call with the bank/);
    const doctor = blockOf('docs/commands.md', 'argus doctor').replace('--host my-host', '--host .');
    assert.match(shop.type(doctor.replace('/etc/argus/policy', 'policy')), /^ok +policy/m);
    shop.type(blockOf('docs/commands.md', 'source <').split('\n')[0] ?? '');
    shop.type(blockOf('docs/commands.md', 'argus man').split('\n')[0]?.replace('/usr/local/share', '$PWD') ?? '');
    assert.ok(existsSync(shop.at('man/man1/argus-policy-check.1')));
  } finally {
    if (host.pid !== undefined && host.exitCode === null) process.kill(-host.pid, 'SIGTERM');
    await ended;
  }
});

typed('audio.md: the rows for a GuiVM that sounds itself are appended to a new policy, which has no findings', () => {
  const shop = new Workshop();
  symlinkSync(join(WORKING_TREE, 'docs'), shop.at('docs'));
  assert.match(shop.type(blockOf('docs/audio.md', 'argus policy init')), /no findings/);
});

typed('agent.md: a folder goes through a ring, from tar to tar', async () => {
  const fixture = await GuestFixture.build();
  const block = commandBlocks().find(({ commands: [first = ''] }) => first.startsWith('argus ring recv 5000'));
  // The fixture has the class of port 5000 between these two.
  const [receive = '', send = ''] = block?.commands.map((line) => line.replace('mail-vm', 'audio-vm')) ?? [];
  const [there, here] = ['audio-vm', 'chrome-vm'].map((name) => new Workshop({ ARGUS_AGENT: fixture.socketOf(name) }));
  assert.ok(there !== undefined && here !== undefined);
  try {
    await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
    mkdirSync(here.at('photos'));
    writeFileSync(here.at('photos/one.jpg'), 'one');
    const receiver = there.start(receive);
    const ended = once(receiver, 'close');
    let said = '';
    const hear = ({ stderr }: ChildProcess): void =>
      void stderr?.on('data', (text: Buffer) => {
        said += text.toString();
      });
    hear(receiver);
    await until('the ring is there', () => said.includes('listening at port') || receiver.exitCode !== null);
    // Not spawnSync: the broker and the agents are in this process.
    const sender = here.start(send);
    hear(sender);
    const [code] = await once(sender, 'close');
    assert.equal([code, ...(await ended)], [0, 0, null], said);
    assert.is(readFileSync(there.at('photos/one.jpg'), 'utf8'), 'one');
  } finally {
    await fixture.close();
  }
});

typed.run();
