/**
 * `socat` and `vsock`: a pipe between the two clients with nobody in the middle who reads. `socat` joins two unix sockets;
 * `vsock` joins them through the kernel's AF_VSOCK in loopback, the path that a guest's bytes take to its host.
 */
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arm, RunningServer } from './arm.ts';
import { relayClients } from './raw-relay.ts';
import { endWithThisProcess, findProgram, freeTcpPort, stopChild } from './server-process.ts';

const READY_TIMEOUT_MS = 10_000;
const POLL_MS = 10;
const BUFFER_BYTES = '65536';
/** vsock(7): the address of this machine. */
const LOOPBACK_CID = 1;
const LOOPBACK_MODULE = '/sys/module/vsock_loopback';

export const socat: Arm = {
  ...relayClients,
  missing: async (find) => ((await find('socat')) === null ? 'socat' : null),
  async start(folder) {
    const { sender, receiver } = sockets(folder);
    // The receiver connects first, and socat opens its second address only then.
    return run([[`UNIX-LISTEN:${receiver}`, `UNIX-LISTEN:${sender}`]], sender, receiver);
  },
};

export const vsock: Arm = {
  ...relayClients,
  async missing(find) {
    if ((await find('socat')) === null) return 'socat';
    return (await exists(LOOPBACK_MODULE)) ? null : 'the kernel module vsock_loopback';
  },
  async start(folder) {
    const { sender, receiver } = sockets(folder);
    const port = await freeTcpPort(); // ports of vsock are a space of their own; any number will do
    return run(
      [
        [`UNIX-LISTEN:${receiver}`, `VSOCK-LISTEN:${port}`],
        [`UNIX-LISTEN:${sender}`, `VSOCK-CONNECT:${LOOPBACK_CID}:${port}`],
      ],
      sender,
      receiver,
    );
  },
};

function sockets(folder: string): { readonly sender: string; readonly receiver: string } {
  return { sender: join(folder, 's.sock'), receiver: join(folder, 'r.sock') };
}

async function run(
  pipes: readonly (readonly [string, string])[],
  sender: string,
  receiver: string,
): Promise<RunningServer> {
  const program = (await findProgram('socat')) ?? 'socat';
  const children = pipes.map((addresses) =>
    endWithThisProcess(spawn(program, ['-b', BUFFER_BYTES, ...addresses], { stdio: 'ignore' })),
  );
  const stop = async (): Promise<void> => void (await Promise.all(children.map(stopChild)));
  const until = Date.now() + READY_TIMEOUT_MS;
  while (!(await exists(receiver))) {
    if (Date.now() > until) {
      await stop();
      throw new Error('socat did not listen in time');
    }
    await sleep(POLL_MS);
  }
  return { pids: children.map(({ pid }) => pid ?? 0), endpoint: { sender, receiver }, stop };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
