/** The guided demo with a real nats-server in the middle. */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../support/needs.ts';
import { runCli } from '../support/processes/run-cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const tour = suite('the demo over NATS');
const withNats = needs('nats-server', 'nats-server');
const PROGRAM = 'clients/demo/main.ts';

const leftIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith('argus-'));

withNats(tour, 'tells each step, shows that the server saw sealed records only, and that everything held', async () => {
  const directory = temporaryDirectory();
  const { code, stdout, stderr } = await runCli(['--carrier', 'nats', '--fast', '--json'], {
    program: PROGRAM,
    env: { TMPDIR: directory },
  });
  assert.is(code, 0, stdout + stderr);
  assert.is(stdout.trimEnd().split('\n').length, 1, 'on stdout there is nothing but the object');
  const printed = JSON.parse(stdout);
  assert.is(printed.ok, true, stdout);
  assert.is(printed.carrier, 'nats');
  assert.is(printed.samples.identical, true);
  assert.is(printed.audit.verified, true);
  const { server } = printed;
  assert.is(server.sealed, true);
  assert.is(server.found, 0);
  // The recording has crossed the server twice.
  assert.ok(server.bytes > 2 * 1_058_400, String(server.bytes));
  assert.ok(server.messages > 100 && server.pieces > 10_000, JSON.stringify(server));

  const how = new Map<string, string>();
  for (const attack of printed.attacks) {
    assert.is(attack.refused, true, attack.name);
    how.set(attack.name, attack.how);
  }
  assert.is(how.size, 10);
  assert.is(how.get("publish to chrome-vm's subject"), 'denied by nats-server');
  assert.is(how.get("hear chrome-vm's subject"), 'denied by nats-server');
  assert.is(how.get("use chrome-vm's carrier"), 'closed: wrongCarrier');

  for (const step of [1, 2, 3, 4, 5, 6]) assert.match(stderr, `\n${step}. `);
  for (const part of [
    'argus nats config',
    'rogue-vm   publish argus.host.up.rogue-vm',
    'the server saw',
    'none holds any',
  ])
    assert.match(stderr, part);
  assert.equal(leftIn(directory), []);
});

tour('without nats-server: one message that says how to get it, exit code 1, and nothing was made', async () => {
  const directory = temporaryDirectory();
  const { code, stdout, stderr } = await runCli(['--carrier', 'nats', '--nats-server', '/nowhere/nats-server'], {
    program: PROGRAM,
    env: { TMPDIR: directory },
  });
  assert.is(code, 1);
  assert.is(stdout, '');
  for (const part of ['needs nats-server', 'apt-get install nats-server', 'brew install', 'ERR_DEMO_NATS'])
    assert.match(stderr, part);
  assert.not.match(stderr, '    at ');
  assert.equal(leftIn(directory), []);
});

tour('a nats-server that does not start is told with its own words, and nothing is left', async () => {
  const directory = temporaryDirectory();
  const { code, stderr } = await runCli(['--nats-server', '/bin/false'], {
    program: PROGRAM,
    env: { TMPDIR: directory },
  });
  assert.is(code, 1);
  assert.match(stderr, /"\/bin\/false" did not start: it ended with code 1/);
  assert.equal(leftIn(directory), []);
});

tour.run();
