/** The C library with the calls of libargo: two programs in two machines, over agents and a broker. */
import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../../../support/needs.ts';
import { temporaryDirectory } from '../../../support/temp.ts';
import { GuestFixture, PORT } from '../guest-fixture.ts';

const run = promisify(execFile);
const LIBRARY = fileURLToPath(new URL('../../../../clients/agents/guest/libargo/', import.meta.url));
/** The runner compiles tests to another place; the C file stays where it is. */
const EXCHANGE = fileURLToPath(new URL('../../../../test/agents/guest/libargo/exchange.c', import.meta.url));

const libargo = suite('agent: libargo in C');
const AUDIO_DOMID = '1';

async function compiled(): Promise<string> {
  const program = `${temporaryDirectory()}/exchange`;
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', '-fsanitize=address,undefined', `-I${LIBRARY}`];
  await run('gcc', [...flags, '-o', program, EXCHANGE, `${LIBRARY}argo.c`]);
  return program;
}

/** What both ends print: the answering one in audio-vm, the asking one in chrome-vm. */
async function exchange(kind: string): Promise<{ readonly answering: string; readonly asking: string }> {
  const program = await compiled();
  const fixture = await GuestFixture.build();
  await Promise.all([fixture.agent('audio-vm'), fixture.agent('chrome-vm')]);
  const environment = (name: string) => ({ env: { ...process.env, ARGUS_AGENT: fixture.socketOf(name) } });
  const server = spawn(program, [`answer-${kind}`, '0', `${PORT}`], environment('audio-vm'));
  let answering = '';
  server.stdout.on('data', (chunk: Buffer) => {
    answering += chunk.toString();
  });
  const ended = new Promise((resolve) => server.once('close', resolve));
  await Promise.race([new Promise((resolve) => server.stderr.once('data', resolve)), ended]);
  const asking = await run(program, [`ask-${kind}`, AUDIO_DOMID, `${PORT}`], environment('chrome-vm')).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => `${error.stdout}(failed)\n`,
  );
  if (asking.endsWith('(failed)\n')) server.kill();
  await ended;
  await fixture.close();
  return { answering, asking };
}

const withGcc = needs('gcc', 'gcc libc6-dev');

withGcc(libargo, 'datagrams: addresses, truncation, connected sockets, ephemeral ports', async () => {
  const { asking, answering } = await exchange('datagrams');
  assert.is(
    asking,
    [
      'unconnected: 1',
      'cut: 5',
      'the rest is gone: 1',
      'address beside connect: 1',
      'port is ephemeral: 1',
      'empty: 0',
      'poll: 1',
      'last: last',
      'too long: 1',
      'closed: 1',
      '',
    ].join('\n'),
  );
  assert.is(answering, '');
});

withGcc(
  libargo,
  'streams: SYN, ACK and RST; a stalled connection stops no other; what came before the end is read',
  async () => {
    const { asking, answering } = await exchange('streams');
    assert.is(
      asking,
      ['no listener: 1', 'wrong: 0', 'stalled: end', 'queued: end, then 0', 'send after the end: 1', ''].join('\n'),
    );
    assert.is(answering, 'stalled: hello\npeer closes: 0\n');
  },
);

libargo.run();
