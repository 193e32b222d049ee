/**
 * A clean Debian for a package to be installed in: mmdebstrap makes it from Debian's registry, with Debian's own Node, and
 * keeps it as a tar file for the day. It is unpacked into a tmpfs of a mount namespace, so this machine stays as it is.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary, needsThat, type RegisterNeedy } from '../support/needs.ts';
import { WORKING_TREE } from '../support/program.ts';

/** The oldest release of which the own nodejs is new enough: 20.19. */
const RELEASE = 'trixie';
/** Debian's Node, the parts of systemd that the package's scripts call, without systemd, and mount for the tests. */
const PACKAGES = 'nodejs,systemd-standalone-sysusers,systemd-standalone-tmpfiles,mount';
const TRIES = 3;
/** Lines of a program that failed: of mmdebstrap, and of a script of a test. */
const FEW_LINES = 8;
const MORE_LINES = 40;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** `program` is needed next to mmdebstrap. */
export function needsCleanRoot(program: string, aptPackage: string): RegisterNeedy {
  return needsThat(
    () => process.geteuid?.() === 0 && ['mmdebstrap', 'unshare', program].every((name) => findBinary(name) !== null),
    `root, mount namespaces, mmdebstrap and ${program} (apt-get install mmdebstrap ${aptPackage})`,
  );
}

/** The path of the tar file. A file that two tests ask for at the same time is made once. */
export function cleanRoot(): string {
  const cache = join(WORKING_TREE, 'node_modules/.cache/argus/clean-root');
  mkdirSync(cache, { recursive: true });
  const day = new Date().toISOString().slice(0, 10);
  const file = join(cache, `${RELEASE}-${day}.tar`);
  const words = [join(cache, 'lock'), 'bash', '-euc', MAKE, 'bash', file, RELEASE, PACKAGES, String(TRIES)];
  const { status, stdout, stderr } = spawnSync('flock', words, { encoding: 'utf8' });
  if (status !== 0) {
    const said = lastLines(`${stdout}${stderr}`, FEW_LINES);
    throw new Error(`no clean root: mmdebstrap failed ${TRIES} times with the packages of Debian's registry:\n${said}`);
  }
  return file;
}

/** On a tmpfs, because dpkg waits for the disk after each file. */
const MAKE = `
file=$1 release=$2 packages=$3 tries=$4
[ -e "$file" ] && exit 0
rm -f "\${file%/*}"/*.tar
make() {
  unshare -m bash -euc 'mount -t tmpfs none /mnt; TMPDIR=/mnt mmdebstrap --mode=root --variant=apt --format=tar --include="$3" \\
    --aptopt="Acquire::Languages \\"none\\"" --aptopt="Acquire::Retries \\"3\\"" --aptopt="Acquire::http::Timeout \\"30\\"" \\
    "$2" "$1.new"' bash "$file" "$release" "$packages" && mv "$file.new" "$file"
}
for try in $(seq "$tries"); do make && exit 0; rm -f "$file.new"; done
exit 1
`;

/**
 * Runs a script of bash in namespaces of its own; $1 is an empty directory in memory, `args` follow. All that it starts
 * ends with it. @returns what it printed to stdout
 */
export function inNamespaces(script: string, args: readonly string[]): string {
  const begin = `mount -t tmpfs none /mnt\n${script}`;
  const words = [
    '-mpf',
    '--kill-child',
    '--mount-proc',
    'bash',
    '-euo',
    'pipefail',
    '-c',
    begin,
    'bash',
    '/mnt',
    ...args,
  ];
  const { status, stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES });
  if (status !== 0) throw new Error(`the script ended with ${status}:\n${lastLines(`${stdout}${stderr}`, MORE_LINES)}`);
  return stdout;
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

/**
 * The commands of the README from an empty host to two VMs that talk, as a user would type them; $HOST is the host's
 * directory; `argus`, `start_broker` and `agent` may be functions. Prints "ping", what the denied direction said, and what the log says.
 */
export const TWO_VMS = `
argus host init "$HOST" --unsealed
argus vm add my-audio --label @service --label @audio --host "$HOST"
argus vm add my-app --label @app --label @speaker --host "$HOST"
broker() { argus broker --config "$HOST/argus.yaml"; }
if type start_broker >/dev/null 2>&1; then start_broker & else broker & fi
until_true() { for try in $(seq 600); do "$@" && return; sleep 0.1; done; echo "never true: $*"; exit 1; }
until_true [ -S "$HOST/run/control.sock" ]
if ! type agent >/dev/null 2>&1; then agent() { argus agent "$@"; }; fi
for vm in my-audio my-app; do agent --config "$HOST/vms/$vm/agent.yaml" & done
for vm in my-audio my-app; do until_true [ -S "$HOST/vms/$vm/agent.sock" ]; done
argus ring recv 4713 --count 1 --agent "$HOST/vms/my-audio/agent.sock" >/tmp/heard 2>/tmp/listening &
heard=$!
until_true grep -q listening /tmp/listening
printf ping | argus ring send my-audio 4713 --agent "$HOST/vms/my-app/agent.sock"
wait $heard
echo "heard $(cat /tmp/heard)"
printf ping | argus ring send my-app 4713 --agent "$HOST/vms/my-audio/agent.sock" 2>&1 && exit 1
argus audit verify "$HOST/audit"
`;
