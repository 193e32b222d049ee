/**
 * Builds main.go: a Collector from Debian's package of its source. Debian's stable releases have none,
 * so it is built in a directory with sid in it, and this machine stays as it is.
 *
 * The first call takes some two minutes and 3 GB; the program is kept below node_modules/.cache.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WORKING_TREE } from '../../../support/program.ts';

const RELEASE = 'sid';
const PACKAGE = 'golang-opentelemetry-collector-dev';
const SOURCE = join(WORKING_TREE, 'test/audit/stream/collector/main.go');

/** @returns its path. Throws when the packages cannot be had, or no longer fit main.go. */
export function buildCollector(): string {
  const cache = join(WORKING_TREE, 'node_modules/.cache/argus/collector');
  const program = join(cache, 'otelcol');
  if (isUpToDate(program, cache)) return program;
  mkdirSync(cache, { recursive: true });
  const words = ['-m', 'bash', '-euo', 'pipefail', '-c', BUILD, 'bash', cache, RELEASE, PACKAGE, SOURCE];
  execFileSync('unshare', words, { stdio: ['ignore', 'inherit', 'inherit'] });
  copyFileSync(SOURCE, join(cache, 'main.go'));
  return program;
}

/** To build with today's packages again: remove the directory. */
export function forgetCollector(): void {
  rmSync(join(WORKING_TREE, 'node_modules/.cache/argus/collector'), { recursive: true, force: true });
}

function isUpToDate(program: string, cache: string): boolean {
  const built = join(cache, 'main.go');
  return existsSync(program) && existsSync(built) && readFileSync(built).equals(readFileSync(SOURCE));
}

/**
 * The signature of the release is checked; its date is not, because a mirror may be some days behind. Mounts are of this
 * namespace, so the directory can be removed after it.
 */
const BUILD = `
cache=$1 release=$2 package=$3 source=$4
root=$cache/root
rm -rf "$root"
trap 'rm -rf "$root"' EXIT
TMPDIR=$cache mmdebstrap --mode=root --variant=apt --format=directory --include="golang-go,$package" \\
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \\
  --aptopt='Acquire::Retries "3"' --aptopt='Acquire::http::Timeout "30"' --dpkgopt=force-unsafe-io "$release" "$root"
version=$(chroot "$root" dpkg-query -W -f '\${Version}' "$package")
cp "$source" "$root/tmp/main.go"
mount -t proc none "$root/proc"
chroot "$root" env GO111MODULE=off GOPATH=/usr/share/gocode CGO_ENABLED=0 GOCACHE=/tmp/cache \\
  go build -trimpath -ldflags "-s -w -X main.version=$version" -o /tmp/otelcol /tmp/main.go
umount "$root/proc"
mv "$root/tmp/otelcol" "$cache/otelcol"
`;
