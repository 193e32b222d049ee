/** One arm's three processes (server, receiver, sender), started once and kept for the whole run. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Arm, ArmName } from '../arms/arm.ts';
import { endWithThisProcess, keepStderr, stopChild } from '../arms/server-process.ts';
import type { Cleanup } from '../cleanup.ts';
import { callerOf, type ReceiverCalls, type RoleSetup, type SenderCalls } from '../roles/calls.ts';

/** Every TLS arm speaks version 1.3 with the cipher that Argus seals records with; set here, for not every client library can. */
const CLIENT_FLAGS = ['--import', 'tsx', '--tls-min-v1.3', '--tls-cipher-list=TLS_AES_256_GCM_SHA384'];

export interface WorkerSet {
  readonly arm: ArmName;
  readonly sender: SenderCalls;
  readonly receiver: ReceiverCalls;
}

/** `cleanup` ends every started process, also when this function fails half-way. */
export async function startWorkers(name: ArmName, arm: Arm, folder: string, cleanup: Cleanup): Promise<WorkerSet> {
  await mkdir(folder, { mode: 0o700 });
  const server = await arm.start(folder);
  cleanup.add(() => server.stop());
  const setup: RoleSetup = {
    arm: name,
    endpoint: server.endpoint,
    creditPath: join(folder, 'c.sock'),
    serverPids: server.pids,
  };
  const receiver = startRole('receiver', setup, cleanup);
  const sender = startRole('sender', setup, cleanup);
  const workers: WorkerSet = {
    arm: name,
    receiver: {
      open: () => receiver('open') as Promise<void>,
      begin: (argument) => receiver('begin', argument) as ReturnType<ReceiverCalls['begin']>,
      sample: (argument) => receiver('sample', argument) as ReturnType<ReceiverCalls['sample']>,
      drain: (argument) => receiver('drain', argument) as ReturnType<ReceiverCalls['drain']>,
    },
    sender: {
      open: () => sender('open') as Promise<void>,
      stream: (argument) => sender('stream', argument) as ReturnType<SenderCalls['stream']>,
      halt: () => sender('halt') as ReturnType<SenderCalls['halt']>,
      pingPong: (argument) => sender('pingPong', argument) as ReturnType<SenderCalls['pingPong']>,
    },
  };
  // the receiver first: it listens for the sender's credit connection
  await workers.receiver.open();
  await workers.sender.open();
  return workers;
}

function startRole(
  role: 'sender' | 'receiver',
  setup: RoleSetup,
  cleanup: Cleanup,
): (call: string, argument?: unknown) => Promise<unknown> {
  const child: ChildProcess = fork(
    fileURLToPath(new URL(`../roles/${role}.ts`, import.meta.url)),
    [JSON.stringify(setup)],
    {
      execArgv: CLIENT_FLAGS,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  const stderr = keepStderr(child);
  endWithThisProcess(child);
  cleanup.add(() => stopChild(child));
  return callerOf(child, `${setup.arm} ${role}`, stderr);
}
