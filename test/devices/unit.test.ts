/** The systemd unit of the device processes: systemd understands it, and finds it hardened. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const unit = suite('systemd unit of the devices');
const UNIT = fileURLToPath(new URL('../../clients/devices/init/argus-device@.service', import.meta.url));
/** Of 100, as systemd counts. What is left: files of the host can be read, and the program may be compiled as it runs. */
const MAX_EXPOSURE = '15';

needs('systemd-analyze', 'systemd')(unit, 'is understood by systemd and has a low exposure', () => {
  const instance = join(temporaryDirectory(), 'argus-device@chrome-vm.service');
  cpSync(UNIT, instance);
  execFileSync('systemd-analyze', ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, instance], {
    stdio: 'pipe',
  });
  const said = execFileSync('sh', ['-c', 'systemd-analyze verify --man=no "$0" 2>&1 || true', instance], {
    encoding: 'utf8',
  });
  const complaints = said.split('\n').filter((line) => line !== '' && !/Command \S+ is not executable/.test(line));
  assert.equal(complaints, []);
});

unit('has no network, and only unix sockets', () => {
  const text = readFileSync(UNIT, 'utf8');
  for (const line of [
    'PrivateNetwork=yes',
    'RestrictAddressFamilies=AF_UNIX',
    'NoNewPrivileges=yes',
    'User=argus-vm-%i',
  ])
    assert.ok(text.split('\n').includes(line), line);
});

unit.run();
