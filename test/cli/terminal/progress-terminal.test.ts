/** The progress line on a real terminal, while a broker keeps a command waiting for its answer. */
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Terminal } from '../../agents/audio/terminal.ts';
import { needs } from '../../support/needs.ts';
import { CLI, nodeArguments } from '../../support/program.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const progress = suite('progress on a terminal');
const withPython = needs('python3', 'python3');

const CLEAR = '\r\x1b[K';
const SHOWN = /argus grants: \d+ s/;
const DEADLINE_MS = 60_000;

async function until(isSo: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, what());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

withPython(
  progress,
  'a command that waits says so, clears the line before it prints, and is silent in a pipe',
  async () => {
    const asked: ServerResponse[] = [];
    const broker = createServer((_, response) => void asked.push(response));
    const socket = join(temporaryDirectory(), 'control.sock');
    await new Promise<void>((resolve) => broker.listen(socket, resolve));
    const node = [process.execPath, ...nodeArguments(CLI, 'grants', '--control', socket)];
    // The quiet ones ask first, so they wait at least as long as the one that shows its line.
    const json = new Terminal([...node, '--json']);
    const piped = new Terminal(['sh', '-c', '"$@" | cat', 'sh', ...node]);
    const dumb = new Terminal(node, { ...process.env, TERM: 'dumb' });
    const terminals = [json, piped, dumb];
    try {
      await until(
        () => asked.length === terminals.length,
        () => `${asked.length} asked`,
      );
      const plain = new Terminal(node, { ...process.env, TERM: 'xterm' });
      terminals.push(plain);
      await until(
        () => SHOWN.test(plain.output),
        () => plain.output,
      );
      for (const response of asked)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"grants":[]}');
      for (const each of terminals) assert.is((await each.ended()).code, 0);
      const [, after = ''] = plain.output.split(/argus grants: \d+ s(?![\s\S]*argus grants: \d+ s)/);
      assert.ok(after.startsWith(`${CLEAR}nothing is granted`), JSON.stringify(plain.output));
      for (const each of [json, piped, dumb]) assert.not.match(each.output, SHOWN);
      assert.match(piped.output, 'nothing is granted');
    } finally {
      for (const each of terminals) each.kill();
      broker.close();
      broker.closeAllConnections();
    }
  },
);

progress.run();
