/** The archive keeps what was in force, whole, for its owner alone, and within bounds. */
import { appendFileSync, chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  archivedFiles,
  copyShippedPolicy,
  findArchived,
  hashFiles,
  type Loss,
  openArchive,
  type PolicyFiles,
  type RevisionEntry,
  readArchive,
  readPolicyFiles,
} from '../../../policy/index.ts';
import { codeOf } from '../../support/installation/installation.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const archive = suite('archive of policies');

async function shipped(comment = ''): Promise<{ readonly files: PolicyFiles; readonly hash: string }> {
  const directory = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(directory);
  if (comment !== '') appendFileSync(join(directory, 'policy.csv'), `# ${comment}\n`);
  const files = await readPolicyFiles(directory);
  return { files, hash: hashFiles(files) };
}

function entry(revision: number, policy: string, before: string | null = null): RevisionEntry {
  const assertions = 'a'.repeat(64);
  const time = '2026-11-28T12:00:00.000Z';
  return { revision, time, policy, before, assertions, rows: 1, grants: [], cause: 'apply', by: 'test', reason: 'why' };
}

const place = (): string => join(temporaryDirectory(), 'audit', 'policies');

archive('what was kept is read again, by this process and by another', async () => {
  const { files, hash } = await shipped();
  const directory = place();
  const opened = await openArchive(directory);
  await opened.keep(hash, files);
  await opened.note(entry(1, hash));
  for (const reader of [opened, readArchive(directory), await openArchive(directory)]) {
    assert.equal(await reader.revisions(), [entry(1, hash)]);
    assert.is(hashFiles(await archivedFiles(reader, hash)), hash);
  }
  assert.is((await openArchive(directory)).newest, 1);
});

archive('an archive that is not there is empty', async () => {
  const reader = readArchive(place());
  assert.equal([await reader.revisions(), await reader.policies()], [[], []]);
  assert.is(await reader.files('0'.repeat(64)), null);
});

archive('its files belong to their owner alone', async () => {
  const { files, hash } = await shipped();
  const directory = place();
  const opened = await openArchive(directory);
  await opened.keep(hash, files);
  await opened.note(entry(1, hash));
  for (const folder of ['', 'files', 'policies']) {
    assert.is(statSync(join(directory, folder)).mode & 0o777, 0o700);
    for (const { name } of readdirSync(join(directory, folder), { withFileTypes: true }).filter((each) =>
      each.isFile(),
    ))
      assert.is(statSync(join(directory, folder, name)).mode & 0o777, 0o600, name);
  }
});

archive('a directory that others can enter is refused', async () => {
  const directory = place();
  await openArchive(directory);
  chmodSync(directory, 0o755);
  assert.is(await codeOf(openArchive(directory)), 'ERR_POLICY_ARCHIVE');
});

archive('an edit of one file keeps one file more', async () => {
  const directory = place();
  const opened = await openArchive(directory);
  for (const { files, hash } of [await shipped(), await shipped('one'), await shipped('two')])
    await opened.keep(hash, files);
  assert.is(readdirSync(join(directory, 'files')).length, 6 + 2);
  assert.is((await opened.policies()).length, 3);
});

archive('a damaged file is an error, and never another policy', async () => {
  const { files, hash } = await shipped();
  const directory = place();
  const opened = await openArchive(directory);
  await opened.keep(hash, files);
  const [name = ''] = readdirSync(join(directory, 'files'));
  writeFileSync(join(directory, 'files', name), 'p, @any, @any, argo, *, allow\n');
  assert.is(await codeOf(readArchive(directory).files(hash)), 'ERR_POLICY_ARCHIVE');
});

archive('a list of files that was cut short is an error', async () => {
  const { files, hash } = await shipped();
  const directory = place();
  await (await openArchive(directory)).keep(hash, files);
  const list = join(directory, 'policies', hash);
  writeFileSync(list, readFileSync(list, 'utf8').split('\n').slice(0, 5).join('\n'));
  assert.is(await codeOf(readArchive(directory).files(hash)), 'ERR_POLICY_ARCHIVE');
});

archive('a line that a crash has torn is skipped, and the next entry begins on its own', async () => {
  const { hash } = await shipped();
  const directory = place();
  await (await openArchive(directory)).note(entry(1, hash));
  appendFileSync(join(directory, 'revisions.jsonl'), '{"revision":2,"time":"20');
  const opened = await openArchive(directory);
  assert.is(opened.newest, 1);
  await opened.note(entry(3, hash));
  assert.equal(
    (await readArchive(directory).revisions()).map(({ revision }) => revision),
    [1, 3],
  );
});

archive('entries of another shape are no revisions', async () => {
  const directory = place();
  await openArchive(directory);
  const whole = entry(1, 'b'.repeat(64));
  const lines = [{ ...whole, policy: '../../etc' }, { ...whole, revision: -1 }, { ...whole, grants: [1] }, null, whole];
  writeFileSync(join(directory, 'revisions.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  assert.equal(await readArchive(directory).revisions(), [whole]);
});

archive('when it is full the policy whose use lies furthest back goes, and its owner is told', async () => {
  const directory = place();
  const losses: Loss[] = [];
  const policies = [await shipped('one'), await shipped('two'), await shipped('three')];
  const bytes = Object.values(policies[0]?.files ?? {}).reduce((sum, file) => sum + file.length, 0);
  const csv = policies[0]?.files['policy.csv'].length ?? 0;
  const opened = await openArchive(directory, (loss) => losses.push(loss), { maxBytes: bytes + csv + 100 });
  let before: string | null = null;
  for (const [index, { files, hash }] of policies.entries()) {
    await opened.keep(hash, files);
    await opened.note(entry(index + 1, hash, before));
    before = hash;
  }
  const [one, two, three] = policies.map(({ hash }) => hash);
  assert.equal([...(await opened.policies())].sort(), [two, three].sort());
  assert.equal(losses, [{ policies: 1, revisions: 0 }]);
  assert.is(await codeOf(archivedFiles(opened, one ?? '')), 'ERR_POLICY_ARCHIVE');
  assert.is(hashFiles(await archivedFiles(opened, three ?? '')), three);
});

archive('the journal keeps the newest revisions', async () => {
  const directory = place();
  const losses: Loss[] = [];
  const opened = await openArchive(directory, (loss) => losses.push(loss), { maxEntries: 8 });
  for (let revision = 1; revision <= 9; revision++) await opened.note(entry(revision, 'c'.repeat(64)));
  assert.equal(
    (await readArchive(directory).revisions()).map(({ revision }) => revision),
    [4, 5, 6, 7, 8, 9],
  );
  assert.equal(losses, [{ policies: 0, revisions: 3 }]);
  assert.not.ok(existsSync(join(directory, '.revisions.jsonl.new')));
});

archive('a policy is found by its revision or by digits of its hash', async () => {
  const { files, hash } = await shipped();
  const staged = await shipped('staged');
  const opened = await openArchive(place());
  await opened.keep(hash, files);
  await opened.note(entry(7, hash));
  await opened.keep(staged.hash, staged.files);
  assert.equal(await findArchived(opened, '7'), { hash, entry: entry(7, hash) });
  assert.equal(await findArchived(opened, hash.slice(0, 8)), { hash, entry: entry(7, hash) });
  assert.equal(await findArchived(opened, staged.hash), { hash: staged.hash, entry: null });
  for (const name of ['8', hash.slice(0, 7), 'f'.repeat(64), '../x', ''])
    assert.is(await codeOf(findArchived(opened, name)), 'ERR_POLICY_QUESTION', name);
});

archive.run();
