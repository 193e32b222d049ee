/** The two commands that need no sound server on either side: raw samples in, a WAV file out. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readStatus } from '../../../../clients/agents/audio/index.ts';
import { parseWav } from '../../../../clients/demo/audio/wav.ts';
import { accepts } from '../../../support/accepts.ts';
import { type Host, until, withHost } from '../../../support/audio/host.ts';
import { CLI, nodeArguments } from '../../../support/program.ts';
import { seededRandom } from '../../../support/seed.ts';

const record = suite('argus audio service --record');

const NO_SERVER = '/nowhere/native';

async function start(host: Host, vm: string, command: string, ...args: readonly string[]): Promise<ChildProcess> {
  const session = ['--carrier', host.broker.carrierOf(vm), '--identity', await host.identity(vm)];
  // No program of a sound server can be found.
  const env = { ...process.env, PATH: '/nowhere', PULSE_SERVER: NO_SERVER };
  const all = nodeArguments(CLI, 'audio', command, ...session, ...args);
  return spawn(process.execPath, all, { env, stdio: ['pipe', 'ignore', 'pipe'] });
}

record('what a VM plays is in its file, sample for sample; a VM that may not play has none', () =>
  withHost(async (host) => {
    const [heard, status] = [join(host.directory, 'heard'), join(host.directory, 'audio.sock')];
    const service = await start(host, 'audio-vm', 'service', '--record', heard, '--status', status);
    await until('the service runs', () => accepts(status));
    const pcm = seededRandom(11).bytes(4 * 22_050);
    const file = join(host.directory, 'song.raw');
    writeFileSync(file, pcm);
    const chrome = await start(host, 'chrome-vm', 'agent', '--playback', file);
    const rogue = await start(host, 'rogue-vm', 'agent', '--playback', file);
    assert.equal(
      (await Promise.all([once(chrome, 'exit'), once(rogue, 'exit')])).map(([code]) => code),
      [0, 0],
    );
    const wav = join(heard, 'chrome-vm.wav');
    await until('all of it is written', () => existsSync(wav) && statSync(wav).size >= 44 + pcm.length);
    // A service that still has clients refuses the first SIGTERM.
    await until('the VMs have left', async () => (await readStatus(status)).vms.length === 0);
    service.kill('SIGTERM');
    const [code] = await once(service, 'exit');
    assert.is(code, 0);
    assert.equal(Buffer.from(parseWav(readFileSync(wav)).pcm), Buffer.from(pcm));
    assert.is(existsSync(join(heard, 'rogue-vm.wav')), false);
  }),
);

record('without a sound server the service says so once; with no VM one SIGTERM ends it', () =>
  withHost(async (host) => {
    const status = join(host.directory, 'audio.sock');
    const service = await start(host, 'audio-vm', 'service', '--status', status);
    let said = '';
    service.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('it says where it looked', () => said.includes(`no sound server answers at ${NO_SERVER}`));
    await until('the service runs', () => accepts(status));
    service.kill('SIGTERM');
    const [code] = await once(service, 'close');
    assert.is(code, 0);
    assert.is(said.match(/no sound server/g)?.length, 1, said);
  }),
);

record.run();
