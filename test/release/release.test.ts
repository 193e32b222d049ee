/** What a release consists of is in step: version, changelog, image, lock file, and the commits that blame passes over. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../..', import.meta.url));
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const { version } = JSON.parse(textOf('package.json'));

const release = suite('release');

release('the newest heading of the changelog is this version, with a date', () => {
  const heading = /^## (.+)$/m.exec(textOf('CHANGELOG.md'))?.[1] ?? '';
  assert.match(heading, new RegExp(`^${version.replaceAll('.', '\\.')} \\(\\d{4}-\\d{2}-\\d{2}\\)$`));
});

release('every heading of the changelog has a date', () => {
  for (const [, heading] of textOf('CHANGELOG.md').matchAll(/^## (.+)$/gm))
    assert.match(heading ?? '', /^\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)$/);
});

release('the lock file and the image name this version', () => {
  const lock = JSON.parse(textOf('package-lock.json'));
  assert.equal([lock.version, lock.packages[''].version], [version, version]);
  assert.match(textOf('docker-compose.yml'), `argus-broker:${version}`);
});

release('each commit that blame passes over is named in full, and exists where the history is here', () => {
  const commits = textOf('.git-blame-ignore-revs')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(commits.length >= 2);
  for (const commit of commits) assert.match(commit, /^[0-9a-f]{40}$/);
  if (!hasWholeHistory()) return;
  for (const commit of commits) assert.is(git('cat-file', '-t', commit), 'commit');
});

/** A package and a shallow clone have no history, or only the end of it. */
function hasWholeHistory(): boolean {
  try {
    return git('rev-parse', '--is-shallow-repository') === 'false';
  } catch {
    return false;
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, stdio: 'pipe' }).toString().trim();
}

release.run();
