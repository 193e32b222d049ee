/** The watcher: what it looks at, how long it waits at most, which links it sees. */
import { appendFileSync, mkdirSync, renameSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import { copyShippedPolicy, loadPolicy, type WatchOptions, watchPolicy } from '../../policy/index.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { INSPECTORS } from './compile.ts';

const watching = suite('watching a policy directory');

/** Without the poll: only notices count. */
const WAITS: WatchOptions = { settleMs: 50, maxSettleMs: 200, pollMs: 3_600_000 };

/** Resolves with the first change that the watcher tells after `act`; `disturb` runs every few milliseconds meanwhile. */
async function changed(directory: string, act: () => void, disturb: () => void = () => undefined): Promise<void> {
  const { hash } = await loadPolicy(directory, { revision: 1, inspectors: INSPECTORS });
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    const watch = watchPolicy(
      directory,
      () => {
        watch.close();
        resolve();
      },
      { ...WAITS, hash },
    );
    timer = setInterval(disturb, 10);
    // The watchers are attached asynchronously; an edit that comes before is found by the first reading.
    setImmediate(act);
  });
  clearInterval(timer);
}

async function fresh(name = 'policy'): Promise<string> {
  const path = join(temporaryDirectory(), name);
  await copyShippedPolicy(path);
  return path;
}

watching('a log that is written next to the files keeps no edit out', async () => {
  const path = await fresh();
  await changed(
    path,
    () => appendFileSync(join(path, 'policy.csv'), '# edited\n'),
    () => appendFileSync(join(path, 'policy.log'), 'a line\n'),
  );
});

watching('a file that is touched again and again keeps no edit out for ever', async () => {
  const path = await fresh();
  await changed(
    path,
    () => appendFileSync(join(path, 'policy.csv'), '# edited\n'),
    () => utimesSync(join(path, 'tests.csv'), new Date(), new Date()),
  );
});

watching('a directory link that is turned is seen without the poll', async () => {
  const [one, two] = [await fresh('one'), await fresh('two')];
  appendFileSync(join(two, 'policy.csv'), '# two\n');
  const link = join(temporaryDirectory(), 'current');
  symlinkSync(one, link);
  await changed(link, () => {
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
  });
});

watching('a link inside the directory that is turned, as Kubernetes does it, is seen without the poll', async () => {
  const [one, two] = [await fresh('one'), await fresh('two')];
  appendFileSync(join(two, 'policy.csv'), '# two\n');
  const path = join(temporaryDirectory(), 'policy');
  mkdirSync(path);
  symlinkSync(one, join(path, '..data'));
  for (const name of ['model.conf', 'domains.yaml', 'services.yaml', 'policy.csv', 'assertions.csv', 'tests.csv'])
    symlinkSync(`..data/${name}`, join(path, name));
  await changed(path, () => {
    symlinkSync(two, join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
  });
});

watching.run();
