/** The process at the other end of a control connection. */

import { once } from 'node:events';
import { readlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { descriptorOf } from '../../broker/carrier/index.ts';
import { callerProcess, findCallerEnd } from '../../broker/control/caller-process.ts';
import { openSocketList } from '../../broker/control/socket-list.ts';
import { needs } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

const peers = suite('the process of a control connection');

const HEAD = 'u_str ESTAB  0      0     ';

/** As `ss -xanpH` prints them. */
const TABLE = [
  `u_str LISTEN 0      511   /run/argus/control.sock 100 * 0       users:(("node",pid=9,fd=20)) <-> ino:1 dev:0/1 peers:`,
  `${HEAD} /run/argus/control.sock 101 * 102     users:(("node",pid=9,fd=21)) <->`,
  `${HEAD}                       * 102 * 101     users:(("node",pid=77,fd=18)) <->`,
  `${HEAD} /run/argus/control.sock 103 * 104     users:(("node",pid=9,fd=22)) <->`,
  `${HEAD}                       * 104 * 103`,
  `${HEAD} /run/argus/control.sock 105 * 106     users:(("node",pid=9,fd=23)) <->`,
  `${HEAD}                       * 106 * 105     users:(("a",pid=1,fd=3)) ",pid=78,fd=19)) <->`,
].join('\n');

peers('the end is the socket whose peer is ours, with its process and descriptor', () => {
  assert.equal(findCallerEnd(TABLE, '101'), { inode: '102', pid: 77, fd: 18 });
});

peers('a process that this user may not look at is unknown, and so is a connection that has ended', () => {
  assert.is(findCallerEnd(TABLE, '103'), null);
  assert.is(findCallerEnd(TABLE, '999'), null);
});

peers('a program whose name looks like an entry does not become another process', () => {
  assert.equal(findCallerEnd(TABLE, '105'), { inode: '106', pid: 78, fd: 19 });
});

const withSs = needs('ss', 'iproute2');

withSs(
  peers,
  'a connection of this process is known by its pid, uid and program; a closed one is unknown',
  async () => {
    const path = join(temporaryDirectory(), 'control.sock');
    const accepted: Promise<Socket>[] = [];
    const server = createServer();
    const sockets = openSocketList();
    server.listen(path);
    await once(server, 'listening');
    try {
      const clients = [connect(path), connect(path)];
      for (const _ of clients) accepted.push(once(server, 'connection').then(([socket]) => socket as Socket));
      await Promise.all(clients.map((client) => once(client, 'connect')));
      const [first] = await Promise.all(accepted.slice(0, 1));
      assert.ok(first);
      const found = await callerProcess(first, sockets);
      assert.equal([found?.pid, found?.uid], [process.pid, process.getuid?.()]);
      assert.ok((found?.program.length ?? 0) > 0);
      // Requests at the same time share a list, and each finds its own.
      const both = await Promise.all([
        callerProcess(first, sockets),
        callerProcess(first, sockets),
        callerProcess(first, sockets),
      ]);
      assert.equal(
        both.map((each) => each?.pid),
        [process.pid, process.pid, process.pid],
      );
      for (const client of clients) client.destroy();
      first.destroy();
      assert.is(await callerProcess(first, sockets), null);
    } finally {
      sockets.close();
      server.close();
    }
  },
);

peers('what the list says of a process counts only if its descriptor is that socket', async () => {
  const path = join(temporaryDirectory(), 'control.sock');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const client = connect(path);
  try {
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const own = /\d+/.exec(await readlink(`/proc/self/fd/${descriptorOf(accepted)}`))?.[0];
    // The true other end is a socket of this process too; the list names another descriptor of it.
    const lie = `${HEAD} * 999 * ${own}     users:(("argus",pid=${process.pid},fd=${descriptorOf(accepted)})) <->`;
    const sockets = { read: async () => lie, close: () => undefined };
    assert.ok(findCallerEnd(lie, own ?? ''));
    assert.is(await callerProcess(accepted, sockets), null);
  } finally {
    client.destroy();
    server.close();
  }
});

peers('after its end the list is empty', async () => {
  const sockets = openSocketList();
  sockets.close();
  assert.is(await sockets.read(), '');
});

peers.run();
