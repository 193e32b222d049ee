import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsThat } from './needs.ts';
import { pictureOf } from './process-picture.ts';

const picture = suite('picture of a process');
const onLinux = needsThat(() => process.platform === 'linux', 'Linux');

/** Ignores SIGTERM and listens, with a child of its own. */
const STAYS = `
process.on('SIGTERM', () => {});
require('net').createServer().listen(0, '127.0.0.1', () => {
  const child = require('child_process').spawn('sleep', ['1000']);
  child.once('spawn', () => console.log('here'));
  process.once('exit', () => child.kill());
  process.once('SIGINT', () => process.exit(0));
});
`;

onLinux(
  picture,
  'it shows what a process waits for, what it has open, which signals it takes, and its children',
  async () => {
    const child = spawn(process.execPath, ['-e', STAYS], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const seen = pictureOf(child.pid ?? 0);
      assert.match(seen, `process ${child.pid}: ${process.execPath} -e`);
      assert.match(seen, /^ {2}State: S/m);
      assert.match(seen, /^ {2}SigCgt: [0-9a-f]+$/m);
      assert.match(seen, /^ {2}thread \d+: \S+, S, \S+/m);
      assert.match(seen, /^ {2}fd \d+: socket:\[\d+\] tcp 0100007F:[0-9A-F]{4} to 00000000:0000, state 0A/m);
      assert.match(seen, /^process \d+: sleep 1000$/m);
    } finally {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
  },
);

onLinux(picture, 'a process that is gone has a picture, too', async () => {
  const child = spawn(process.execPath, ['-e', '0']);
  await once(child, 'close');
  assert.is(pictureOf(child.pid ?? 0), `process ${child.pid}: `);
});

picture.run();
