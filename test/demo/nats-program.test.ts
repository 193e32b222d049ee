/** nats-server is found where it is, and where it is not a person learns how to get it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freeTcpPort } from '../../clients/demo/carriers/free-port.ts';
import { natsServerProgram } from '../../clients/demo/carriers/nats-program.ts';
import { DemoError } from '../../clients/demo/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const program = suite('nats-server program');

function directoryWith(mode: number | null): string {
  const directory = temporaryDirectory();
  if (mode !== null) writeFileSync(join(directory, 'nats-server'), '#!/bin/sh\n', { mode });
  return directory;
}

function refusal(work: () => unknown): DemoError {
  try {
    work();
  } catch (error) {
    if (error instanceof DemoError) return error;
    throw error;
  }
  throw new Error('it was found');
}

program('in the first directory of the PATH that has it, then where servers are put', () => {
  const [empty, one, two] = [directoryWith(null), directoryWith(0o755), directoryWith(0o755)];
  assert.is(natsServerProgram(undefined, { PATH: `${empty}::${one}:${two}` }, []), join(one, 'nats-server'));
  assert.is(natsServerProgram(undefined, { PATH: empty }, [empty, two]), join(two, 'nats-server'));
  assert.is(natsServerProgram(join(one, 'nats-server'), { PATH: two }, []), join(one, 'nats-server'));
});

program('a directory of that name is no program', () => {
  const directory = directoryWith(null);
  mkdirSync(join(directory, 'nats-server'));
  assert.is(refusal(() => natsServerProgram(undefined, { PATH: directory }, [])).code, 'ERR_DEMO_NATS');
});

program('missing: one message with how to get it, for each kind of system', () => {
  for (const { code, message } of [
    refusal(() => natsServerProgram(undefined, { PATH: directoryWith(null) }, [])),
    refusal(() => natsServerProgram(undefined, {}, [])),
    refusal(() => natsServerProgram('/nowhere/nats-server', {})),
  ]) {
    assert.is(code, 'ERR_DEMO_NATS');
    for (const way of ['apt-get install nats-server', 'brew install nats-server', 'releases'])
      assert.match(message, way);
  }
});

program('its port is none that an outgoing connection may have taken before it listens', async () => {
  const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/).map(Number);
  for (let count = 0; count < 20; count++) assert.ok((await freeTcpPort()) < (first ?? 0));
});

program.run();
