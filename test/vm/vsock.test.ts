/** The lines that docs/hosts.md gives for vhost-vsock, run as they stand over the vsock loopback of a guest's kernel. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import { GUEST_PROGRAM, MESSAGES } from '../../clients/demo/vms/index.ts';
import { hostProgram } from '../../clients/machines/index.ts';
import { findBinary, needs } from '../support/needs.ts';
import { closeVms, openVms, withMachines } from './vm-fixture.ts';

const vsock = suite('vsock with socat');

/** The blocks of the section, with the CID of the loopback for those of host and guest. */
function recipes(): [host: string, guest: string] {
  const text = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/hosts.md'), 'utf8');
  const section = text.slice(text.indexOf('### vhost-vsock'), text.indexOf('### Qubes-like'));
  const [host = '', guest = ''] = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return [
    host.replace('argus-cid/104', 'argus-cid/1').replace(/ +# host.*/, ''),
    guest.replace('VSOCK-CONNECT:2:', 'VSOCK-CONNECT:1:').replace(/ +# guest.*/, ''),
  ];
}

const withSocat = findBinary('socat') === null ? needs('socat', 'socat') : withMachines;

withSocat(vsock, 'a caller whose CID has a link has a session, one without is hung up on', async () => {
  const [host, guest] = recipes();
  const [mkdir = '', link = '', listen = ''] = host.trim().split('\n');
  const vms = await openVms(GUEST_PROGRAM);
  try {
    // The domain's socket, which on a real host is the broker's, leads here to this machine's own port.
    const chrome = await vms.boot(
      'chrome-vm',
      `
for module in vsock vmw_vsock_virtio_transport_common vsock_loopback; do insmod /lib/modules/$module.ko*; done
while :; do socat UNIX-LISTEN:/run/argus/chrome-vm.sock,unlink-early FILE:/dev/virtio-ports/argus.0; done &
${mkdir}
${listen} &
until socat -u VSOCK-CONNECT:1:7100 - 2>/dev/null; do sleep 0.2; done
echo "without a link: hung up"
${link}
${guest.trim()} &
export ARGUS_CARRIER=unix:/run/argus/broker.sock
node /guest.mjs source ${MESSAGES}`,
      { files: await hostProgram('socat') },
    );
    await chrome.line(/^without a link: hung up$/);
    await chrome.line(/^session chrome-vm 101$/);
  } finally {
    await closeVms(vms);
  }
});

vsock.run();
