/**
 * The Debian package: built from this tree, held against what reads it, and installed, used, removed and purged in an empty
 * root. dpkg works in that root alone; its scripts run on this machine with DPKG_ROOT, so nothing is mounted.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDeb } from '../../clients/host/debian/build.ts';
import { findBinary, needs, needsThat } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const deb = suite('debian package');

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const UNIT = fileURLToPath(new URL('../../clients/host/debian/argus-broker.service', import.meta.url));
/** Of 100. */
const MAX_EXPOSURE = '15';
const withDebian = needsThat(
  () =>
    process.geteuid?.() === 0 &&
    existsSync(join(DIST, 'clients/cli/main.js')) &&
    ['dpkg-deb', 'systemd-sysusers', 'systemd-tmpfiles'].every((name) => findBinary(name) !== null),
  'root on a Debian, systemd (apt-get install systemd) and dist (npm run build)',
);
const withSystemd = needsThat(
  () => findBinary('systemd-analyze') !== null,
  'systemd-analyze (apt-get install systemd)',
);

const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string =>
  execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });

let built: string | null = null;

/** The package of this tree: built once, in a directory of this process. */
function debFile(): string {
  built ??= buildDeb(dirname(realpathSync(DIST)), temporaryDirectory());
  return built;
}

/** An empty root, and dpkg in it. Node and systemd are this machine's, so their packages are not asked for. */
function emptyRoot(): { readonly at: (path: string) => string; readonly dpkg: (...args: string[]) => string } {
  const root = temporaryDirectory();
  for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'etc'])
    mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  const options = [`--root=${root}`, '--log=/dev/null', '--force-script-chrootless', '--force-depends'];
  return { at: (path) => join(root, path), dpkg: (...args) => run('dpkg', [...options, ...args]) };
}

withDebian(deb, 'it is installed, works, goes, and leaves the keys alone unless it is asked not to', () => {
  const { at, dpkg } = emptyRoot();
  dpkg('-i', debFile());
  assert.match(readFileSync(at('etc/passwd'), 'utf8'), /^argus:x:\d+:\d+:.*:\/var\/lib\/argus:\/usr\/sbin\/nologin$/m);
  assert.is(statSync(at('var/lib/argus')).mode & 0o777, 0o700);
  assert.is(statSync(at('usr/lib/argus-broker/package.json')).mode & 0o777, 0o644);
  assert.not(existsSync(at('usr/lib/argus-broker/node_modules/typescript')), 'nothing that only builds');
  assert.not(existsSync(at('usr/lib/argus-broker/dist/clients/demo/main.js')), 'no demo');
  assert.match(run('zcat', [at('usr/share/man/man1/argus-broker.1.gz')]), /\.TH/);

  const argus = at('usr/bin/argus');
  const { version } = JSON.parse(readFileSync(at('usr/lib/argus-broker/package.json'), 'utf8')) as { version: string };
  assert.is(run(argus, ['--version']).trim(), version);
  const host = at('var/lib/argus/host');
  run(argus, ['host', 'init', host, '--unsealed']);
  run(argus, ['broker', '--check', '--config', join(host, 'argus.yaml')]);

  dpkg('-r', 'argus-broker');
  assert.not(existsSync(argus));
  assert.match(dpkg('-P', 'argus-broker'), /ARGUS_PURGE_KEYS/);
  assert.ok(existsSync(join(host, 'authority')), 'a purge leaves the keys');
  const script = fileURLToPath(new URL('../../clients/host/debian/postrm', import.meta.url));
  const asked = { ...process.env, DPKG_ROOT: at(''), ARGUS_PURGE_KEYS: 'yes' };
  run('sh', [script, 'remove'], asked);
  assert.ok(existsSync(host), 'a removal is no purge');
  run('sh', [script, 'purge'], asked);
  assert.not(existsSync(at('var/lib/argus')));
});

needs('lintian', 'lintian')(deb, 'lintian finds nothing', () => {
  assert.ok(existsSync(join(DIST, 'clients/cli/main.js')), 'dist is missing: npm run build');
  const { status, stdout } = spawnSync('lintian', ['--fail-on', 'error,warning', debFile()], { encoding: 'utf8' });
  assert.is(stdout, '');
  assert.is(status, 0);
});

withSystemd(deb, 'systemd finds the unit hardened', () => {
  run('systemd-analyze', ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, UNIT]);
});

deb.run();
