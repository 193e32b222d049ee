/**
 * The Debian package as its user has it: apt installs it in a clean Debian 13 with Debian's own Node, two VMs talk, and a
 * purge leaves the keys. There is no systemd, so the unit's program is started as its user by hand.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDeb } from '../../clients/host/debian/build.ts';
import { WORKING_TREE } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { cleanRoot, inNamespaces, needsCleanRoot, TWO_VMS } from './clean-root.ts';

const deb = suite('debian package in a clean root');

/** In the root: what docs/hosts.md says, then a purge without and with the keys. */
const USED = `
deb=$1
cp -r /var/lib/dpkg/status /tmp/older
sed -i '/^Package: nodejs$/,/^$/s/^Version: .*/Version: 18.20.4+dfsg-1/' /tmp/older
apt-get install -y --simulate -o Dir::State::status=/tmp/older "$deb" 2>&1 && exit 1
apt-get install -y -qq --no-install-recommends "$deb" >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
argus() { runuser -u argus -- argus "$@"; }
start_broker() { runuser -u argus -- $(sed -n s/^ExecStart=//p /usr/lib/systemd/system/argus-broker.service); }
HOST=/var/lib/argus/host
${TWO_VMS}
kill $(jobs -p)
wait || true
apt-get purge -y -qq argus-broker 2>&1
echo "left $(ls $HOST/authority | wc -l)"
apt-get install -y -qq --no-install-recommends "$deb" >/dev/null 2>&1
ARGUS_PURGE_KEYS=yes apt-get purge -y -qq argus-broker >/dev/null 2>&1
[ -e /var/lib/argus ] || echo gone
`;

const ENTER = `
root=$1/root; mkdir "$root"; tar -xf "$2" -C "$root"; cp "$3" "$root/var/cache/argus.deb"
mount -t proc none "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs none "$root/tmp"
# What belongs to this machine's Node and apt does not hold there.
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \\
  chroot "$root" bash -euo pipefail -c "$4" bash /var/cache/argus.deb
`;

needsCleanRoot('dpkg-deb', 'dpkg')(
  deb,
  'apt installs it, two VMs talk, and a purge leaves the keys until it is asked',
  () => {
    assert.ok(existsSync(join(WORKING_TREE, 'dist/clients/cli/main.js')), 'dist is missing: npm run build');
    const file = buildDeb(WORKING_TREE.replace(/\/$/, ''), temporaryDirectory());
    const said = inNamespaces(ENTER, [cleanRoot(), file, USED]);
    assert.match(said, /Depends: nodejs \(>= 20\.19\) but 18\.20\.4/);
    assert.match(said, /^heard ping$/m);
    assert.match(said, 'EACCES');
    assert.match(said, /^PASS/m);
    assert.match(said, /keys, policy and audit log stay in \/var\/lib\/argus/);
    assert.match(said, /^left [1-9]/m);
    assert.match(said, /^gone$/m);
    assert.not.match(said, /dpkg: warning/);
  },
);

deb.run();
