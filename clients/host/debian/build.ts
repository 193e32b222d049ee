/**
 * `npm run build:deb`: the package as a `.deb`, from what `npm run build` made and the packages that it needs at run
 * time. It uses dpkg-deb, which every Debian has, and nothing from the network.
 *
 *     node --import tsx clients/host/debian/build.ts dist
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { argv } from 'node:process';
import { gzipSync } from 'node:zlib';

/** Of the files that are written by hand, below the root. */
const OWN = 'clients/host/debian';
const NAME = 'argus-broker';
const MAINTAINER = 'Argus maintainers <maintainers@argus.invalid>';
const MODES = { file: 0o644, program: 0o755 } as const;
/** What the program is made of, below the root of the sources. `dist/argus-agent` is an executable of its own. */
const TREE = ['package.json', 'dist', 'policy/shipped'];
const NOT_SHIPPED = /(^|\/)(argus-agent|.*\.deb|.*\.map|.*\.d\.ts|clients\/demo)$/;
/** Of the packages: what Node never loads on a Debian. */
const NOT_LOADED = /\/(\.[^/]+|musl_[^/]+|cnoke\.cjs)$|\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow|html|yml)$/i;

/** Returns the path of the package in `out`. `root`: the sources, built and with their packages installed. */
export function buildDeb(root: string, out: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  const architecture = run('dpkg', ['--print-architecture']).trim();
  const work = mkdtempSync(join(tmpdir(), 'argus-deb-'));
  try {
    chmodSync(work, MODES.program);
    const put = (path: string, content: string | Uint8Array, mode: number = MODES.file): void => {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), content);
      chmodSync(join(work, path), mode);
    };
    copyProgram(root, join(work, 'usr/lib', NAME));
    mkdirSync(join(work, 'usr/bin'), { recursive: true });
    symlinkSync(`../lib/${NAME}/dist/clients/cli/main.js`, join(work, 'usr/bin/argus'));
    put(`usr/lib/systemd/system/${NAME}.service`, own(root, `${NAME}.service`));
    put(`usr/lib/sysusers.d/${NAME}.conf`, own(root, 'sysusers.conf'));
    put(`usr/lib/tmpfiles.d/${NAME}.conf`, own(root, 'tmpfiles.conf'));
    put(`usr/share/doc/${NAME}/copyright`, own(root, 'copyright'));
    const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
    const day = new Date(`${/\((\d{4}-\d\d-\d\d)\)/.exec(changes)?.[1] ?? '2026-01-01'}T00:00:00Z`);
    put(`usr/share/doc/${NAME}/changelog.gz`, gzipSync(changelog(version, day), { level: 9 }));
    put(`usr/share/doc/${NAME}/CHANGELOG.md`, changes);
    put(`usr/share/lintian/overrides/${NAME}`, own(root, 'lintian-overrides'));
    writeManuals(root, join(work, 'usr/share/man/man1'));
    cpSync(join(root, 'docs'), join(work, `usr/share/doc/${NAME}/docs`), { recursive: true });
    const kib = Number(run('du', ['-sk', '--apparent-size', work]).split('\t')[0]);
    put('DEBIAN/control', control(version, architecture, kib));
    setModes(work);
    for (const script of ['postinst', 'postrm']) put(`DEBIAN/${script}`, own(root, script), MODES.program);
    mkdirSync(out, { recursive: true });
    const deb = join(out, `${NAME}_${version}_${architecture}.deb`);
    // The same sources make the same bytes.
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(day.getTime() / 1_000) };
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', work, deb], { env, stdio: 'pipe' });
    return deb;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function copyProgram(root: string, to: string): void {
  for (const part of TREE) {
    cpSync(join(root, part), join(to, part), {
      recursive: true,
      filter: (source) => !NOT_SHIPPED.test(relative(root, source)),
    });
  }
  const listed = run('npm', ['ls', '--omit=dev', '--all', '--parseable'], root).trim().split('\n').slice(1);
  for (const directory of listed) {
    const place = join(to, relative(root, directory));
    // A package may have others in a directory of its own; those are in the list too.
    const filter = (source: string): boolean =>
      !relative(directory, source).startsWith('node_modules') && !NOT_LOADED.test(source);
    cpSync(directory, place, { recursive: true, filter });
  }
}

/** A page of the manual for each command, as `argus man` writes them. */
function writeManuals(root: string, to: string): void {
  mkdirSync(to, { recursive: true });
  run(process.execPath, [join(root, 'dist/clients/cli/main.js'), 'man', to]);
  for (const page of readdirSync(to)) {
    writeFileSync(join(to, `${page}.gz`), gzipSync(readFileSync(join(to, page)), { level: 9 }));
    rmSync(join(to, page));
  }
}

function changelog(version: string, day: Date): string {
  const date = day.toUTCString().replace('GMT', '+0000');
  return `${NAME} (${version}) unstable; urgency=medium

  * /usr/share/doc/${NAME}/CHANGELOG.md has all changes.

 -- ${MAINTAINER}  ${date}
`;
}

function control(version: string, architecture: string, kib: number): string {
  return `Package: ${NAME}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kib}
Depends: libc6, nodejs (>= 20.19), systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles
Recommends: openssl
Section: net
Priority: optional
Description: policy-enforced message broker between virtual machines
 Argus carries messages, sound and network frames between virtual machines,
 and decides each of them by a mandatory policy. This package has the broker,
 its service and the command "argus".
`;
}

/** Programs, which begin with the name of their interpreter, can be run; nothing else can, and nothing can be written. */
function setModes(directory: string): void {
  chmodSync(directory, MODES.program);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) {
      const isProgram = readFileSync(path).subarray(0, 2).toString() === '#!';
      chmodSync(path, isProgram ? MODES.program : MODES.file);
    }
  }
}

function own(root: string, name: string): string {
  return readFileSync(join(root, OWN, name), 'utf8');
}

function run(program: string, args: readonly string[], cwd?: string): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...(cwd && { cwd }) });
}

if (argv[1] !== undefined && resolve(argv[1]) === import.meta.filename) {
  const root = resolve(import.meta.dirname, '../../..');
  process.stdout.write(`${buildDeb(root, resolve(argv[2] ?? join(root, 'dist')))}\n`);
}
