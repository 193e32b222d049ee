/** The example client of docs/examples/wire-client, typed from its README against a real broker. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLI, programFile } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../docs/examples/wire-client');
const README = readFileSync(join(EXAMPLE, 'README.md'), 'utf8');

const client = suite('wire client');

/** The fenced blocks of one language, in order; each as its lines. */
function blocks(language: string): string[][] {
  return [...README.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === language)
    .map(([, , text = '']) => text.trim().split('\n'));
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory in which `argus` and `wire-client/` are those of this checkout. */
class Workshop {
  readonly directory = temporaryDirectory();
  readonly #children: ChildProcess[] = [];

  async open(): Promise<void> {
    const main = programFile(CLI);
    mkdirSync(join(this.directory, 'bin'));
    writeFileSync(join(this.directory, 'bin/argus'), `#!/bin/sh\nexec node "${main}" "$@"\n`, { mode: 0o755 });
    symlinkSync(EXAMPLE, join(this.directory, 'wire-client'));
  }

  /** Starts one command of the README; `&` at its end means the same here. */
  start(command: string): Running {
    const env = { ...process.env, PATH: `${join(this.directory, 'bin')}:${process.env.PATH ?? ''}` };
    // exec: the process that is started is the program, and not a shell around it.
    const script = `exec ${command.replace(/ &$/, '')}`;
    const child = spawn('bash', ['-c', script], { cwd: this.directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return new Running(child);
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
}

class Running {
  readonly ended: Promise<Ended>;
  #text = '';
  #wake = (): void => {};

  constructor(child: ChildProcess) {
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.on('data', (bytes: Buffer) => {
        said[stream] += bytes;
        this.#text += bytes;
        this.#wake();
      });
    this.ended = once(child, 'close').then(([code]) => ({ code, ...said }));
  }

  /** Resolves when it has printed this; rejects with all that it printed when it ends before. */
  async says(words: string): Promise<void> {
    let isOver = false;
    void this.ended.then(() => {
      isOver = true;
      this.#wake();
    });
    while (!this.#text.includes(words)) {
      if (isOver) throw new Error(`ended without "${words}": ${this.#text}`);
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }
}

client('the commands of its README do what the README says', async () => {
  const [setup = [], journey = [], denied = [], foreign = []] = blocks('sh');
  const [received = [], sent = []] = blocks('console');
  const shop = new Workshop();
  try {
    await shop.open();
    for (const command of setup.slice(0, -1)) {
      const { code, stderr } = await shop.start(command).ended;
      assert.is(code, 0, `${command}\n${stderr}`);
    }
    await shop.start(setup.at(-1) ?? '').says('broker running');

    const receiver = shop.start(journey[0] ?? '');
    await receiver.says('listening');
    const sender = await shop.start(journey[1] ?? '').ended;
    assert.equal([sender.code, sender.stderr], [0, '']);
    assert.equal(sender.stdout.trim().split('\n'), sent);
    const { code, stdout } = await receiver.ended;
    assert.is(code, 0);
    assert.equal(stdout.trim().split('\n'), received);

    for (const [command = '', words] of [
      [denied[0], 'status 13'],
      [foreign[0], 'close code 6'],
    ] as const) {
      const { code: failed, stderr } = await shop.start(command).ended;
      assert.is(failed, 1, command);
      assert.match(stderr, words);
    }
  } finally {
    await shop.close();
  }
});

client('it imports only Node’s own modules and its own files', () => {
  const files = readdirSync(EXAMPLE).filter((file) => file.endsWith('.mjs'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const source = readFileSync(join(EXAMPLE, file), 'utf8');
    for (const [, from = ''] of source.matchAll(/from '([^']+)'/g))
      assert.match(from, /^(node:|\.\/[a-z]+\.mjs$)/, file);
    assert.not.match(source, /\bimport\(|\brequire\(/);
  }
});

client.run();
