/**
 * The npm package as its user has it: nothing in it is without use, it works in a clean Debian with the packages that it
 * depends on, its types compile, and the guests' one file works where the package is not.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PROGRAMS } from '../../clients/cli/bundle.ts';
import { cleanRoot, inNamespaces, needsCleanRoot, TWO_VMS } from '../host/clean-root.ts';
import { needsThat } from '../support/needs.ts';
import { WORKING_TREE } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const npmPackage = suite('npm package');

const MAX_PACKED_BYTES = 6_000_000;
const MAX_UNPACKED_BYTES = 20_000_000;
const withBuild = needsThat(() => existsSync(join(WORKING_TREE, 'dist/clients/cli/main.js')), 'dist/ (npm run build)');
const manifest = JSON.parse(readFileSync(join(WORKING_TREE, 'package.json'), 'utf8'));

interface Packed {
  /** Where it lies. */
  readonly file: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed | null = null;

/** The package of this tree: packed once, into a directory of this process. */
function pack(): Packed {
  packed ??= packInto(temporaryDirectory());
  return packed;
}

function packInto(directory: string): Packed {
  const words = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const said = execFileSync('npm', words, { cwd: WORKING_TREE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [one] = JSON.parse(said);
  return { ...one, file: join(directory, one.filename) };
}

/** What a module loads, as a path: imports, and files that it names relative to itself. */
function loadedBy(path: string): readonly string[] {
  const text = readFileSync(join(WORKING_TREE, path), 'utf8');
  return [...text.matchAll(/(?:from|import|import\()\s*["'](\.[^"']+\.js)["']/g)].map(([, other = '']) =>
    normalize(join(dirname(path), other)),
  );
}

withBuild(npmPackage, 'every module in it is loaded by an export or by a program', () => {
  const { files } = pack();
  const paths = new Set(files.map(({ path }) => path));
  const exported = Object.values(manifest.exports as Record<string, string | { readonly default: string }>)
    .map((entry) => (typeof entry === 'string' ? entry : entry.default))
    .filter((path) => path.endsWith('.js'))
    .map(normalize);
  const programs = PROGRAMS.map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
  const reached = new Set<string>([...exported, ...programs]);
  for (const path of reached) {
    assert.ok(paths.has(path), `${path} is not in the package`);
    for (const other of loadedBy(path)) reached.add(other);
  }
  // A browser loads the page of the console. A module of types alone has no code.
  const isLoaded = (path: string): boolean =>
    reached.has(path) ||
    path.startsWith('dist/clients/audit/console/page/') ||
    /^(\s*\/\*[\s\S]*?\*\/)*\s*export \{\};\s*$/.test(readFileSync(join(WORKING_TREE, path), 'utf8'));
  const modules = [...paths].filter((path) => path.startsWith('dist/') && path.endsWith('.js'));
  assert.equal(
    modules.filter((path) => !isLoaded(path)),
    [],
  );
});

withBuild(npmPackage, 'it has no tests, no source maps and no sources, and stays small', () => {
  const { files, size, unpackedSize } = pack();
  const unwanted = files
    .map(({ path }) => path)
    .filter((path) => /\.map$|^(test|bench|node_modules)\/|[^.]..\.tsx?$|\.deb$/.test(path) && !path.endsWith('.d.ts'));
  assert.equal(unwanted, []);
  assert.ok(size <= MAX_PACKED_BYTES, `${size} bytes packed`);
  assert.ok(unpackedSize <= MAX_UNPACKED_BYTES, `${unpackedSize} bytes unpacked`);
});

npmPackage('what it needs to be published with provenance is in the manifest', () => {
  assert.equal(manifest.publishConfig, { access: 'public', provenance: true });
});

/** In the root: the package is in /opt/argus, the guests' file where its unit expects it, and the package hidden there. */
const USED = `
argus() { /opt/argus/node_modules/.bin/argus "$@"; }
argus --help | sed -n 1p
argus demo --fast | tail -3
mkdir -p /usr/lib/argus
argus vm agent /usr/lib/argus/argus.mjs
unit=/opt/argus/node_modules/argus-broker/clients/agents/guest/init/argus-agent.service
start=$(sed -n 's/^ExecStart=//p' "$unit")
agent() {
  unshare -m --propagation unchanged bash -c 'mount -t tmpfs none /opt/argus && exec "$@"' bash $(echo "$start" | sed "s#/etc/argus/agent.yaml#$2#")
}
HOST=/srv/host
${TWO_VMS}
kill $(jobs -p)
wait || true
`;

const ENTER = `
root=$1/root; mkdir "$root"; tar -xf "$2" -C "$root"; mkdir -p "$root/opt/argus" "$root/srv"; cp -r "$3" "$root/opt/argus/node_modules"
mount -t proc none "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs none "$root/tmp"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv chroot "$root" bash -euo pipefail -c "$4"
`;

/** A program that uses each export; it is compiled and not run. */
const CONSUMER = `
import { startBroker } from 'argus-broker';
import { type Answer, askLog, FIELDS, type QueryField } from 'argus-broker/audit';
import { connect, type Vm } from 'argus-broker/client';
import { SoundDevice } from 'argus-broker/virtio-msg';
const vm: Vm = await connect({ carrier: 'agent:' });
await vm.sendv({ to: { domain: 'audio-vm', port: 4713 }, iov: new Uint8Array(4), deadline: 1_000 });
const ring = await vm.registerRing({ port: 4714, partner: 'audio-vm', length: 65_536 });
for await (const message of ring) console.log(message.source.name, message.payload.length);
console.log(startBroker.name, SoundDevice.name);
const field: QueryField = FIELDS[0];
for await (const answer of askLog('/var/log/argus', 'decision=deny since=today')) {
  const one: Answer = answer;
  console.log(one.kind === 'record' ? one.row.get(field) : one.fault);
}
// @ts-expect-error: a port is a number
await vm.registerRing({ port: 'x', partner: 'any', length: 16 });
`;

needsCleanRoot('npm', 'npm')(
  npmPackage,
  'it is installed with what it depends on, its types compile, and two VMs talk in a clean Debian',
  () => {
    assert.ok(existsSync(join(WORKING_TREE, 'dist/clients/cli/main.js')), 'dist is missing: npm run build');
    const consumer = temporaryDirectory();
    const { file } = pack();
    writeFileSync(join(consumer, 'package.json'), '{"type": "module", "private": true}');
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', file];
    execFileSync('npm', install, { cwd: consumer, stdio: 'pipe' });
    const modules = join(consumer, 'node_modules');
    for (const name of ['typescript', '@types/node', 'esbuild']) assert.not(existsSync(join(modules, name)), name);

    const said = inNamespaces(ENTER, [cleanRoot(), modules, USED]);
    assert.match(said, /^Usage: argus/m);
    assert.match(said, /^Everything held/m);
    assert.match(said, /^heard ping$/m);
    assert.match(said, 'EACCES');
    assert.match(said, /^PASS/m);

    mkdirSync(join(modules, '@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types'])
      cpSync(join(WORKING_TREE, 'node_modules', name), join(modules, name), { recursive: true });
    writeFileSync(join(consumer, 'main.mts'), CONSUMER);
    const compiler = join(WORKING_TREE, 'node_modules/typescript/bin/tsc');
    const words = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', 'main.mts'];
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...words], { cwd: consumer, encoding: 'utf8' });
    assert.is(status, 0, stdout);
  },
);

npmPackage.run();
