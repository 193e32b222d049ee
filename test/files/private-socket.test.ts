/** Unix sockets that are their user's alone from the beginning. */
import { statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listenPrivately } from '../../broker/files/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const sockets = suite('private sockets');

sockets('have the mode 0600 already when listen returns, and the mask of the process is as before', async () => {
  const path = join(temporaryDirectory(), 'one.sock');
  const before = process.umask(0o022);
  const server = createServer();
  try {
    const listening = listenPrivately(server, path);
    assert.is(statSync(path).mode & 0o777, 0o600);
    assert.is(process.umask(), 0o022);
    await listening;
  } finally {
    process.umask(before);
    server.close();
  }
});

sockets('say why they cannot be made', async () => {
  const path = join(temporaryDirectory(), 'taken');
  writeFileSync(path, '');
  const error = await listenPrivately(createServer(), path).then(
    () => null,
    (reason: NodeJS.ErrnoException) => reason.code,
  );
  assert.is(error, 'EADDRINUSE');
});

sockets('bear accepts that fail later, as they do when no descriptors are left', async () => {
  const server = createServer();
  await listenPrivately(server, join(temporaryDirectory(), 'one.sock'));
  for (let failures = 0; failures < 2; failures++) server.emit('error', new Error('accept EMFILE'));
  assert.ok(server.listening);
  server.close();
});

sockets.run();
