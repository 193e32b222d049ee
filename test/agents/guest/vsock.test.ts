/**
 * The host's side of vsock, against peers that speak what Firecracker's docs/vsock.md and Cloud Hypervisor's docs/vsock.md
 * say: PATH_PORT for calls of the guest, `CONNECT PORT` and `OK HOST_PORT` for calls of the host. And QEMU as the listener.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Vm } from '../../../clients/sdk/index.ts';
import { issueIdentity } from '../../../keys/index.ts';
import { GuestFixture } from './guest-fixture.ts';

const vsock = suite('vsock on unix sockets');
const PORT = 7100;

/** A fixture whose chrome-vm comes in over `carrier`, in which `@` is its directory. */
async function houseWith(carrier: string): Promise<GuestFixture> {
  const fixture = new GuestFixture();
  const authority = await fixture.makeAuthority();
  await issueIdentity(
    authority,
    fixture.path('chrome-vm'),
    { name: 'chrome-vm', role: 'domain', ttlSeconds: 3600 },
    'unsealed',
  );
  const file = fixture.path('policy/domains.yaml');
  const declared = carrier.replace('@', fixture.directory);
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^( +- name: chrome-vm)$/m, `$1\n    carrier: "${declared}"`));
  await fixture.startBroker();
  return fixture;
}

/** The guest's program: listens where its kernel would, and is given what the VMM has accepted. */
async function guestOn(fixture: GuestFixture, path: string): Promise<Vm> {
  return connect({ carrier: `unix:${path}`, identity: fixture.path('chrome-vm') });
}

vsock('the guest calls: the broker listens on PATH_PORT', async () => {
  const fixture = await houseWith(`vsock:@/v.sock:${PORT}`);
  const vm = await guestOn(fixture, fixture.path(`v.sock_${PORT}`));
  assert.is(vm.name, 'chrome-vm');
  await vm.close();
  await fixture.close();
});

/** A VMM's socket that follows `script` for each caller; a caller that is accepted is joined with `guest`. */
function vmm(path: string, script: (socket: Socket, request: string) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (request) => script(socket, request.toString()));
    });
    server.listen(path, () => resolve(server));
  });
}

/** A socket on which the guest's SDK calls out while the VMM's side `a` is joined with it. */
function guestSocket(path: string): Promise<{ readonly server: Server; readonly called: Promise<Socket> }> {
  return new Promise((resolve) => {
    let take: (socket: Socket) => void = () => {};
    const called = new Promise<Socket>((done) => {
      take = done;
    });
    const server = createServer((socket) => take(socket));
    server.listen(path, () => resolve({ server, called }));
  });
}

vsock('the guest listens: CONNECT, OK, and then the stream, whatever came with the OK', async () => {
  const fixture = await houseWith(`vsock-connect:@/v.sock:${PORT}`);
  const guest = await guestSocket(fixture.path('guest.sock'));
  const requests: string[] = [];
  let callers = 0;
  const server = await vmm(fixture.path('v.sock'), (socket, request) => {
    requests.push(request);
    callers++;
    // First the refusals that the documentation knows: the VMM hangs up, or it is no VMM at all.
    if (callers === 1) return void socket.end();
    if (callers === 2) return void socket.end('ERR nothing of the kind, and much longer than any answer would be\n');
    void guest.called.then((other) => {
      // In one write with the guest's first bytes, in two pieces: neither may be lost.
      other.once('data', (first) => {
        const whole = Buffer.concat([Buffer.from('OK 1073741824\n'), first]);
        socket.write(whole.subarray(0, 5));
        setImmediate(() => {
          socket.write(whole.subarray(5));
          socket.pipe(other).pipe(socket);
        });
      });
    });
  });
  const vm = await guestOn(fixture, fixture.path('guest.sock'));
  assert.is(vm.name, 'chrome-vm');
  assert.equal(requests, Array(3).fill(`CONNECT ${PORT}\n`));
  await vm.close();
  server.close();
  guest.server.close();
  await fixture.close();
});

vsock('QEMU listens: the broker dials until it does, and again after it went away', async () => {
  const fixture = await houseWith('serial:@/q.sock');
  for (let boot = 0; boot < 2; boot++) {
    const guest = await guestSocket(fixture.path('guest.sock'));
    const server = await new Promise<Server>((resolve) => {
      const qemu = createServer((socket) => {
        void guest.called.then((other) => {
          // A pipe whose target is gone reads no more, and would not see the broker's end.
          other.once('close', () => socket.destroy());
          socket.pipe(other).pipe(socket);
        });
      });
      qemu.listen(fixture.path('q.sock'), () => resolve(qemu));
    });
    const vm = await guestOn(fixture, fixture.path('guest.sock'));
    assert.is(vm.name, 'chrome-vm');
    await vm.close();
    await Promise.all([server, guest.server].map((each) => new Promise((resolve) => each.close(resolve))));
  }
  await fixture.close();
});

vsock('whoever else calls at the guest’s PATH_PORT is not let in', async () => {
  const fixture = await houseWith(`vsock:@/v.sock:${PORT}`);
  const socket = dial(fixture.path(`v.sock_${PORT}`));
  const answer = await new Promise<Buffer>((resolve) => {
    socket.once('data', resolve);
    socket.write(Buffer.alloc(64, 1));
  });
  assert.is(answer[3], 4, 'a close record');
  socket.destroy();
  await fixture.close();
});

vsock.run();
