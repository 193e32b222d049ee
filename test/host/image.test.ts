/**
 * The container image: buildah builds it from the Dockerfile and writes it as an OCI layout, and its program runs as the
 * image says, with a root that nobody can write and without capabilities.
 *
 * A clean Debian with Debian's Node stands for the base image, which may be out of reach. In place of the build stage, which
 * downloads and compiles for minutes, stands what the same commands made of this tree.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WORKING_TREE } from '../support/program.ts';
import { cleanRoot, inNamespaces, needsCleanRoot, TWO_VMS } from './clean-root.ts';

const image = suite('container image');

const MAX_OWN_MIB = 60;
const DOCKERFILE = readFileSync(join(WORKING_TREE, 'Dockerfile'), 'utf8');
/** Of both stages. */
const BASES = [...DOCKERFILE.matchAll(/^FROM (\S+)/gm)].map(([, name = '']) => name);
const [BUILD_STAGE = ''] = DOCKERFILE.split(/^(?=FROM )/m).filter((stage) => / AS build$/m.test(stage));

image(
  'both stages have the same base, and the first one builds as package.json does, from all that is compiled',
  () => {
    assert.is(BASES.length, 2);
    assert.is(BASES[0], BASES[1]);
    const copied = [...BUILD_STAGE.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
    const { include } = JSON.parse(readFileSync(join(WORKING_TREE, 'tsconfig.build.json'), 'utf8'));
    const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
    assert.equal(copied.sort(), [...files, ...include].sort());
    const commands = [...BUILD_STAGE.matchAll(/^RUN (.+)$/gm)].map(([, command]) => command);
    assert.equal(commands, ['npm ci --ignore-scripts', 'npm run build && npm prune --omit=dev --ignore-scripts']);
  },
);

/** $1 memory, $2 the clean root, $3 the sources, $4 the base image's name, $5 what runs in the image. */
const BUILD = `
memory=$1
export TMPDIR=$memory/tmp
mkdir "$TMPDIR" "$memory/lower" "$memory/upper" "$memory/work" "$memory/root"
driver=vfs
if mount -t overlay -o "lowerdir=$memory/lower,upperdir=$memory/upper,workdir=$memory/work" none "$memory/root" 2>/dev/null
then driver=overlay; umount "$memory/root"; fi
with_store() { buildah --root "$memory/storage" --runroot "$memory/run" --storage-driver $driver "$@"; }

base=$(with_store from scratch)
tar -xf "$2" -C "$(with_store mount "$base")"
with_store commit --quiet --rm "$base" "$4" >/dev/null

built=$memory/built/src
mkdir -p "$built/policy"
cd "$3"
cp -r package.json dist "$built"
cp -r policy/shipped "$built/policy"
npm ls --omit=dev --all --parseable | tail -n +2 | while read -r package; do
  place=$built/\${package#"$PWD/"}
  mkdir -p "$place"
  cp -r "$package/." "$place"
done
awk '/^FROM/ { stage++ } stage != 1' Dockerfile >"$memory/Dockerfile"
with_store build --quiet --pull-never --isolation chroot --network host --format oci --build-context "build=$memory/built" \\
  --file "$memory/Dockerfile" --tag argus . >"$memory/said" 2>&1 || { cat "$memory/said"; exit 1; }
with_store push --quiet argus "oci:$memory/layout"
echo "layout $(cat "$memory/layout/oci-layout")"
node -e '
  const blob = ({ digest }) => read(join("blobs", digest.replace(":", "/")));
  const read = (path) => JSON.parse(fs.readFileSync(join(process.argv[1], path), "utf8"));
  const { join } = path;
  const [{ config }] = read("index.json").manifests.map(blob);
  console.log("config", JSON.stringify(blob(config).config));
' "$memory/layout"

place=$(with_store mount "$(with_store from --pull-never argus)")
echo "own $(du -sm "$place/opt/argus" | cut -f1)"
mount --bind "$place" "$memory/root"
mount -o remount,bind,ro "$memory/root"
mount -t proc none "$memory/root/proc"
mount --rbind /dev "$memory/root/dev"
mount -t tmpfs none "$memory/root/tmp"
mount -t tmpfs -o uid=1000,gid=1000,mode=700 none "$memory/root/cluster"
exec env -i HOME=/cluster PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin chroot "$memory/root" setpriv --reuid 1000 --regid 1000 --clear-groups \\
  --bounding-set=-all --inh-caps=-all --no-new-privs bash -euo pipefail -c "$5"
`;

const USED = `
cd /cluster
argus --help | sed -n 1p
touch /opt/argus/written 2>&1 || true
grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
openssl version
HOST=/cluster/host
${TWO_VMS}
kill $(jobs -p)
wait || true
`;

needsCleanRoot('buildah', 'buildah')(image, 'is built from the Dockerfile, and two VMs talk in it', () => {
  assert.ok(existsSync(join(WORKING_TREE, 'dist/clients/cli/main.js')), 'dist is missing: npm run build');
  const said = inNamespaces(BUILD, [cleanRoot(), WORKING_TREE, `docker.io/library/${BASES[0]}`, USED]);
  assert.match(said, /^layout \{"imageLayoutVersion": ?"1\.0\.0"\}/m);
  const config = JSON.parse(/^config (.*)$/m.exec(said)?.[1] ?? '{}');
  assert.equal([config.User, config.Entrypoint, config.WorkingDir], ['1000:1000', ['argus'], '/cluster']);
  assert.ok(Number(/^own (\d+)$/m.exec(said)?.[1]) <= MAX_OWN_MIB, said);
  assert.match(said, /^Usage: argus/m);
  assert.match(said, /Read-only file system/);
  assert.match(said, /^CapEff:\t0{16}$/m);
  assert.match(said, /^OpenSSL /m);
  assert.match(said, /^heard ping$/m);
  assert.match(said, 'EACCES');
  assert.match(said, /^PASS/m);
});

image.run();
