/** Reading a policy directory, and watching it. */
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  copyShippedPolicy,
  loadPolicy,
  POLICY_FILE_NAMES,
  PolicyError,
  type PolicyWatch,
  SHIPPED_POLICY_DIRECTORY,
  watchPolicy,
} from '../../policy/index.ts';
import { asForeign } from '../keys/foreign.ts';
import { needsThat } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { decide, INSPECTORS } from './compile.ts';

const directory = suite('policy directory');

async function fresh(): Promise<string> {
  const path = join(temporaryDirectory(), 'policy');
  await copyShippedPolicy(path);
  return path;
}

async function refusal(path: string): Promise<PolicyError> {
  try {
    await loadPolicy(path, { revision: 1, inspectors: INSPECTORS });
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('the policy was accepted');
}

directory('the same files have the same hash, one byte more another one; assertions have their own', async () => {
  const [one, two] = [await fresh(), await fresh()];
  const first = await loadPolicy(one, { revision: 1, inspectors: INSPECTORS });
  const second = await loadPolicy(two, { revision: 7, inspectors: INSPECTORS });
  assert.is(first.hash, second.hash);
  assert.match(first.hash, /^[0-9a-f]{64}$/);
  assert.equal([first.revision, second.revision], [1, 7]);
  assert.is(first.directory, one);
  writeFileSync(join(two, 'tests.csv'), `${readFileSync(join(two, 'tests.csv'), 'utf8')}\n`);
  const third = await loadPolicy(two, { revision: 8, inspectors: INSPECTORS });
  assert.is.not(third.hash, second.hash);
  assert.is(third.assertionsHash, second.assertionsHash);
});

for (const name of POLICY_FILE_NAMES) {
  directory(`without ${name} there is no policy`, async () => {
    const path = await fresh();
    rmSync(join(path, name));
    const { code, findings } = await refusal(path);
    assert.is(code, 'ERR_POLICY_FILE');
    assert.equal(
      findings.map(({ file, message }) => `${file}: ${message}`),
      [`${name}: the file is missing`],
    );
  });
}

directory('a directory in the place of a file, and a file that others can write, are refused', async () => {
  const path = await fresh();
  rmSync(join(path, 'tests.csv'));
  mkdirSync(join(path, 'tests.csv'));
  chmodSync(join(path, 'services.yaml'), 0o664);
  chmodSync(join(path, 'domains.yaml'), 0o646);
  const { findings } = await refusal(path);
  assert.equal(
    findings.map(({ file, code, message }) => `${file} ${code} ${message.split(';')[0]}`),
    [
      'domains.yaml F-006 writable by group or others',
      'services.yaml F-006 writable by group or others',
      'tests.csv F-006 not a regular file',
    ],
  );
});

/** A policy as in a mounted read-only store: the directory and each file are links, and `..data` is a link too. */
async function linked(): Promise<{ readonly path: string; readonly store: string }> {
  const store = await fresh();
  const path = join(temporaryDirectory(), 'policy');
  mkdirSync(path);
  symlinkSync(store, join(path, '..data'));
  for (const name of POLICY_FILE_NAMES) symlinkSync(`..data/${name}`, join(path, name));
  return { path, store };
}

directory('links into a store that only root or the loading user can change are followed', async () => {
  const { path, store } = await linked();
  const link = join(temporaryDirectory(), 'link');
  symlinkSync(path, link);
  const [direct, followed] = await Promise.all(
    [store, link].map((each) => loadPolicy(each, { revision: 1, inspectors: INSPECTORS })),
  );
  assert.is(direct?.hash, followed?.hash);
});

directory('a link into a directory that others can write, and a link to itself, are refused', async () => {
  const { path, store } = await linked();
  chmodSync(store, 0o757);
  assert.match((await refusal(path)).findings[0]?.message ?? '', /its directory is writable by group or others/);
  chmodSync(store, 0o755);
  rmSync(join(path, 'tests.csv'));
  symlinkSync('tests.csv', join(path, 'tests.csv'));
  assert.match((await refusal(path)).findings[0]?.message ?? '', /more than 40 symbolic links/);
});

directory('a directory that belongs to another user is refused', async () => {
  const path = await fresh();
  await asForeign([path], async () => {
    const { code, message } = await refusal(path);
    assert.is(code, 'ERR_POLICY_DIRECTORY');
    assert.match(message, /belongs to user \d+; it has to belong to root or/);
  });
});

const isRoot = process.getuid?.() === 0;
const asRoot = needsThat(() => isRoot, 'root, which gives one file of a directory to another user');
const STRANGER = 12_345;

for (const name of POLICY_FILE_NAMES) {
  asRoot(directory, `a file of a policy that belongs to another user is refused: ${name}`, async () => {
    const path = await fresh();
    await asForeign([join(path, name)], async () => {
      const { code, findings } = await refusal(path);
      assert.is(code, 'ERR_POLICY_FILE');
      assert.equal(
        findings.map(({ file, message }) => `${file}: ${message.split(';')[0]}`),
        [`${name}: belongs to user ${STRANGER}`],
      );
    });
  });
}

asRoot(directory, 'a link that belongs to another user is not followed', async () => {
  const links = await linked();
  lchownSync(join(links.path, 'policy.csv'), STRANGER, STRANGER);
  assert.match((await refusal(links.path)).findings[0]?.message ?? '', /cannot be trusted: belongs to user 12345/);
});

directory('a file that is too large is refused without being read', async () => {
  const path = await fresh();
  writeFileSync(join(path, 'policy.csv'), Buffer.alloc(5 * 1024 * 1024, 0x23));
  // The text of the model would be refused too, but the size is checked first.
  writeFileSync(join(path, 'model.conf'), '#'.repeat(5_000));
  const { findings } = await refusal(path);
  assert.equal(
    findings.map(({ file, code }) => `${file} ${code}`),
    ['model.conf F-008', 'policy.csv F-008'],
  );
});

directory('a missing directory, a file in its place and one that others can write are refused', async () => {
  const path = await fresh();
  assert.is((await refusal(join(path, 'nothing'))).code, 'ERR_POLICY_DIRECTORY');
  assert.is((await refusal(join(path, 'policy.csv'))).code, 'ERR_POLICY_DIRECTORY');
  chmodSync(path, 0o775);
  const { code, message } = await refusal(path);
  assert.is(code, 'ERR_POLICY_DIRECTORY');
  assert.match(message, 'chmod go-w');
});

directory('a copy never overwrites, not even one file', async () => {
  const path = join(temporaryDirectory(), 'policy');
  mkdirSync(path);
  writeFileSync(join(path, 'tests.csv'), 'mine\n');
  try {
    await copyShippedPolicy(path);
    assert.unreachable();
  } catch (error) {
    assert.is((error as PolicyError).code, 'ERR_POLICY_EXISTS');
  }
  assert.is(readFileSync(join(path, 'tests.csv'), 'utf8'), 'mine\n');
  await refusal(path);
});

directory('a copy that cannot be written says so', async () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  await copyShippedPolicy(join(file, 'policy')).then(
    () => assert.unreachable(),
    (error: PolicyError) => assert.is(error.code, 'ERR_POLICY_DIRECTORY'),
  );
});

directory('a long load lets the event loop turn', async () => {
  const path = await fresh();
  const rows = Array.from({ length: 20_000 }, () => 'p, @app, @audio, argo, send, allow\n').join('');
  writeFileSync(join(path, 'policy.csv'), readFileSync(join(path, 'policy.csv'), 'utf8') + rows);
  let turns = 0;
  let loading = true;
  const turn = (): void => {
    turns++;
    if (loading) setImmediate(turn);
  };
  setImmediate(turn);
  // With this clock each reading uses up a slice, so the load pauses at every possible point.
  let time = 0;
  await loadPolicy(path, { revision: 1, inspectors: INSPECTORS, now: () => (time += 5) });
  loading = false;
  assert.ok(turns > 100, `${turns} turns`);
});

const shipped = suite('shipped policy');

shipped('loads with its assertions and tests', async () => {
  const policy = await loadPolicy(await fresh(), { revision: 1, inspectors: INSPECTORS });
  assert.ok(policy.rows >= 10 && policy.checked.assertions >= 5 && policy.checked.tests >= 10);
  const listed = policy.domains.all.map(({ name, domid }) => `${name} ${domid}`);
  assert.equal(listed, ['audio-vm 1', 'net-vm 2', 'gui-vm 3', 'chrome-vm 101', 'mail-vm 102', 'rogue-vm 199']);
});

shipped('rogue-vm can do nothing, and nobody can do anything to it', async () => {
  const policy = await loadPolicy(await fresh(), { revision: 1, inspectors: INSPECTORS });
  const rogue = policy.domains.byName('rogue-vm');
  assert.ok(rogue);
  for (const other of [...policy.domains.all, policy.domains.broker]) {
    for (const serviceClass of policy.classes.all) {
      for (const { decisions } of [
        policy.monitor.vector(rogue, other, serviceClass),
        policy.monitor.vector(other, rogue, serviceClass),
      ]) {
        assert.not.ok(
          decisions.some(({ allowed }) => allowed),
          `${other.name} ${serviceClass.name}`,
        );
      }
    }
  }
});

shipped('the microphone is heard by the domain that was granted it, and by no other', async () => {
  const path = await fresh();
  const capture = (policy: Awaited<ReturnType<typeof loadPolicy>>, to: string) =>
    decide(policy, 'audio-vm', to, 'audio-capture', 'send').allowed;
  const before = await loadPolicy(path, { revision: 1, inspectors: INSPECTORS });
  assert.is(capture(before, 'chrome-vm'), false);
  const granted = await loadPolicy(path, {
    revision: 2,
    inspectors: INSPECTORS,
    overlay: [{ domain: 'chrome-vm', label: '@mic' }],
  });
  assert.equal([capture(granted, 'chrome-vm'), capture(granted, 'mail-vm')], [true, false]);
  await loadPolicy(path, {
    revision: 3,
    inspectors: INSPECTORS,
    overlay: [{ domain: 'rogue-vm', label: '@mic' }],
  }).then(
    () => assert.unreachable(),
    (error: PolicyError) => assert.is(error.code, 'ERR_POLICY_ASSERTION'),
  );
});

shipped('the copy is the shipped directory, byte for byte', async () => {
  const path = await fresh();
  for (const name of POLICY_FILE_NAMES) {
    assert.ok(readFileSync(join(path, name)).equals(readFileSync(join(SHIPPED_POLICY_DIRECTORY, name))), name);
  }
});

const watching = suite('policy watch');

/** Short waits: these tests wait for the notification, not for a time. */
const WAITS = { settleMs: 20, unreadableMs: 150, pollMs: 40 };

interface Watched {
  readonly watch: PolicyWatch;
  /** Resolves with the next change that the test has not awaited yet. */
  readonly next: () => Promise<void>;
  readonly count: () => number;
}

function observe(path: string, hash?: string): Watched {
  let seen = 0;
  let taken = 0;
  let wake: (() => void) | null = null;
  // The watch does not keep a process alive; a test that waits for it must.
  const alive = setInterval(() => undefined, 1_000);
  const inner = watchPolicy(
    path,
    () => {
      seen++;
      wake?.();
    },
    hash === undefined ? WAITS : { ...WAITS, hash },
  );
  const watch: PolicyWatch = {
    close: () => {
      clearInterval(alive);
      inner.close();
    },
  };
  const next = async (): Promise<void> => {
    if (seen <= taken) await new Promise<void>((resolve) => (wake = resolve));
    taken = seen;
  };
  return { watch, next, count: () => seen };
}

const hashOf = async (path: string): Promise<string> =>
  (await loadPolicy(path, { revision: 1, inspectors: INSPECTORS })).hash;

async function edit(path: string, how: (policy: string, text: string) => void): Promise<void> {
  const file = join(path, 'policy.csv');
  how(file, `${readFileSync(file, 'utf8')}# edited ${Math.random()}\n`);
}

const EDITS: readonly (readonly [string, (file: string, text: string) => void])[] = [
  ['writes in place', (file, text) => writeFileSync(file, text)],
  [
    'writes beside and renames',
    (file, text) => {
      writeFileSync(`${file}~`, text);
      renameSync(`${file}~`, file);
    },
  ],
  [
    'moves the old one away, then writes',
    (file, text) => {
      renameSync(file, `${file}.bak`);
      writeFileSync(file, text);
    },
  ],
];
for (const [what, how] of EDITS) {
  watching(`an editor that ${what} is one change`, async () => {
    const path = await fresh();
    const { watch, next, count } = observe(path, await hashOf(path));
    try {
      await edit(path, how);
      await next();
      assert.is(count(), 1);
    } finally {
      watch.close();
    }
  });
}

watching('a change made before the watch began is noticed by the hash', async () => {
  const path = await fresh();
  const hash = await hashOf(path);
  await edit(path, (file, text) => writeFileSync(file, text));
  const { watch, next } = observe(path, hash);
  try {
    await next();
  } finally {
    watch.close();
  }
});

watching('what is gone again before it has come to rest is no change', async () => {
  const path = await fresh();
  const hash = await hashOf(path);
  const text = readFileSync(join(path, 'policy.csv'));
  await edit(path, (file, edited) => writeFileSync(file, edited));
  let seen = 0;
  const watch = watchPolicy(path, () => seen++, { hash, settleMs: 300, pollMs: 60_000 });
  try {
    // Long enough for the first reading, short enough for the second not to have come.
    await new Promise((resolve) => setTimeout(resolve, 100));
    writeFileSync(join(path, 'policy.csv'), text);
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.is(seen, 0);
  } finally {
    watch.close();
  }
});

watching('what is written again unchanged, and files of another name, are no change', async () => {
  const path = await fresh();
  const { watch, next, count } = observe(path, await hashOf(path));
  try {
    writeFileSync(join(path, 'policy.csv'), readFileSync(join(path, 'policy.csv')));
    writeFileSync(join(path, '.policy.csv.swp'), 'x');
    // A change that is noticed afterwards shows that the ones before were not.
    await new Promise((resolve) => setTimeout(resolve, WAITS.settleMs * 5));
    assert.is(count(), 0);
    await edit(path, (file, text) => writeFileSync(file, text));
    await next();
    assert.is(count(), 1);
  } finally {
    watch.close();
  }
});

watching('a file that stays away is a change, and so is its return', async () => {
  const path = await fresh();
  const { watch, next } = observe(path, await hashOf(path));
  try {
    const text = readFileSync(join(path, 'tests.csv'));
    rmSync(join(path, 'tests.csv'));
    await next();
    writeFileSync(join(path, 'tests.csv'), text);
    await next();
  } finally {
    watch.close();
  }
});

watching('a directory that is replaced by another one is watched on', async () => {
  const path = await fresh();
  const other = await fresh();
  const { watch, next } = observe(path, await hashOf(path));
  try {
    await edit(other, (file, text) => writeFileSync(file, text));
    renameSync(path, `${path}.old`);
    renameSync(other, path);
    await next();
    await edit(path, (file, text) => writeFileSync(file, text));
    await next();
  } finally {
    watch.close();
  }
});

watching('nothing is reported after close, which may be called twice', async () => {
  const path = await fresh();
  const { watch, count } = observe(path, await hashOf(path));
  watch.close();
  watch.close();
  await edit(path, (file, text) => writeFileSync(file, text));
  await new Promise((resolve) => setTimeout(resolve, WAITS.pollMs * 4));
  assert.is(count(), 0);
});

directory.run();
shipped.run();
watching.run();
