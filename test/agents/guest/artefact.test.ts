/**
 * The agent as it goes into a guest, one file that Node runs and one executable that needs no Node: somewhere else than
 * here, with nothing of this repository in reach, it enrols, keeps a session and carries messages.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openEnrolment } from '../../../clients/vm/index.ts';
import { needsThat } from '../../support/needs.ts';
import { CLI, nodeArguments, WORKING_TREE } from '../../support/program.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { GuestFixture, PORT } from './guest-fixture.ts';

const artefact = suite('agent: artefact');

const make = (name: string, out: string): void => {
  const command = nodeArguments(`clients/agents/guest/${name}.ts`, out);
  execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] });
};

/** What it is made with, and how it is run. */
const KINDS: readonly (readonly [what: string, maker: string, command: (file: string) => readonly string[]])[] = [
  ['one file', 'bundle', (file) => [process.execPath, file]],
  ['a single executable', 'single-executable', (file) => [file]],
];

for (const [what, maker, commandOf] of KINDS) {
  artefact(`${what} enrols, keeps a session and carries messages, away from here`, async () => {
    const elsewhere = temporaryDirectory();
    const file = join(elsewhere, 'argus-agent.mjs');
    make(maker, file);
    const [program = '', ...first] = commandOf(file);
    const start = (...words: readonly string[]): ChildProcess =>
      spawn(program, [...first, ...words], { cwd: elsewhere, env: {}, stdio: 'pipe' });
    const outputOf = async (child: ChildProcess, input = ''): Promise<string> => {
      child.stdin?.end(input);
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const [code] = await once(child, 'close');
      assert.is(code, 0);
      return text;
    };
    assert.match(await outputOf(start('--version')), /^\d+\.\d+\.\d+\n$/);
    assert.match(await outputOf(start('--help')), 'agent [options]');

    const fixture = new GuestFixture();
    const authority = await fixture.makeAuthority();
    await fixture.startBroker();
    const agents: ChildProcess[] = [];
    for (const name of ['audio-vm', 'chrome-vm']) {
      const socket = fixture.path(`${name}.enrol`);
      const enrolment = await openEnrolment(authority, { name, socket, ttlSeconds: 3600 });
      const home = join(elsewhere, name);
      writeFileSync(`${home}.token`, enrolment.token, { mode: 0o600 });
      const config = {
        carrier: `unix:${fixture.path(`run/${name}.sock`)}`,
        identity: `${home}.identity`,
        socket: `${home}.sock`,
        enrol: { name, port: `unix:${socket}`, token: `${home}.token`, unsealed: true },
      };
      writeFileSync(`${home}.yaml`, JSON.stringify(config));
      const agent = start('agent', '--config', `${home}.yaml`);
      agents.push(agent);
      await said(agent, agent.stdout, 'programs connect to');
      await enrolment.close();
    }
    const socketOf = (name: string): readonly string[] => ['--agent', join(elsewhere, `${name}.sock`)];
    const received = start('ring', 'recv', `${PORT}`, '--until-empty', ...socketOf('audio-vm'));
    const text = 'from one guest to the other\n'.repeat(10_000);
    const send = ['ring', 'send', 'audio-vm', `${PORT}`, '--end', '--deadline', '20000', ...socketOf('chrome-vm')];
    const got = outputOf(received);
    await said(received, received.stderr, 'listening at port');
    await outputOf(start(...send), text);
    assert.is(await got, text);
    for (const agent of agents) {
      agent.kill('SIGTERM');
      assert.equal(await once(agent, 'exit'), [0, null]);
    }
    await fixture.close();
  });
}

const BUILT = join(WORKING_TREE, 'dist/argus-agent.mjs');
const withBuild = needsThat(() => existsSync(BUILT), 'dist/ (npm run build)');

withBuild(artefact, 'argus vm agent hands out what the package ships', () => {
  const file = join(temporaryDirectory(), 'argus.mjs');
  execFileSync(process.execPath, nodeArguments(CLI, 'vm', 'agent', file));
  assert.ok(readFileSync(file).equals(readFileSync(BUILT)));
  const list = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: WORKING_TREE,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const paths: string[] = JSON.parse(list)[0].files.map(({ path }: { path: string }) => path);
  const shipped = [
    'dist/argus-agent.mjs',
    'clients/agents/guest/init/argus-agent.service',
    'clients/agents/guest/examples/ring.py',
  ];
  for (const path of shipped) assert.ok(paths.includes(path), path);
  assert.not.ok(paths.includes('dist/argus-agent'), 'the single executable is 100 MB of one machine');
});

async function said(child: ChildProcess, stream: Readable | null, words: string): Promise<void> {
  if (stream === null) return;
  const lines = createInterface({ input: stream });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes(words)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it said "${words}"`)));
  });
}

artefact.run();
