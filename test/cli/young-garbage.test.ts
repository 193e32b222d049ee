/** V8's report of each collection of a broker's young garbage: no helper thread took part in it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { callControl } from '../../broker/control/index.ts';
import { withInstallation } from '../support/installation/installation.ts';
import { CLI, nodeArguments, ROOT } from '../support/program.ts';

/** A small part of the heap for young garbage, but large enough for two threads: it is soon full. */
const FLAGS = ['--trace-gc-nvp', '--min-semi-space-size=2', '--max-semi-space-size=2'];
/** They make garbage for several collections. */
const RELOADS = 300;
/** `[pid:isolate]   1066 ms: … gc=s … background.scavenge.parallel=0.00 …`, ms since the isolate began. */
const COLLECTION = /^\[\d+:(\w+)\] +(\d+) ms: .* gc=s .* background\.scavenge\.parallel=([\d.]+)/;

const garbage = suite("a broker's young garbage");

garbage('is collected by its main thread alone', () =>
  withInstallation({}, async (installation) => {
    await installation.configure({ log: { level: 'info' } });
    const args = [...FLAGS, ...nodeArguments(CLI, 'broker', '--config', installation.config)];
    const began = performance.now();
    const broker = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      const lines: string[] = [];
      createInterface({ input: broker.stdout }).on('line', (line) => lines.push(line));
      const runningAfter = await new Promise<number>((resolve, reject) => {
        createInterface({ input: broker.stderr }).on('line', (line) => {
          if (line.includes('"broker running"')) resolve(performance.now() - began);
        });
        broker.once('exit', () => reject(new Error('the broker ended')));
      });
      for (let reload = 0; reload < RELOADS; reload++) await callControl(installation.control, 'POST', '/reload');
      broker.kill('SIGTERM');
      await once(broker, 'close');
      const collections = lines.map((line) => COLLECTION.exec(line)).filter((match) => match !== null);
      const main = collections[0]?.[1];
      const later = collections.filter(([, isolate, ms]) => isolate === main && Number(ms) > runningAfter);
      assert.ok(later.length > 0, `${collections.length} collections`);
      assert.equal([...new Set(later.map(([, , , helpersMs]) => helpersMs))], ['0.00']);
    } finally {
      broker.kill('SIGKILL');
    }
  }),
);

garbage.run();
