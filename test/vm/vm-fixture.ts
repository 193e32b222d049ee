/** The vms of the VM tests: that of the demo, in software emulation so that it is the same everywhere, with a class for echoes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DemoHost } from '../../clients/demo/vms/index.ts';
import { missingForMachines } from '../../clients/machines/index.ts';
import { needsThat } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** An opaque class next to the shipped ones, for round trips between an app and the sound server. */
const ECHO_CLASS = `
  - name: echo
    ports: [5000, 5001]
    inspector: opaque
    permissions: [send]
    flow: both
`;
const ECHO_ROWS = `
p, @app, @audio, echo, send, allow
p, @audio, @app, echo, send, allow
`;

const MISSING = missingForMachines();

/** Registers a test that boots machines, or a skip that says what is missing. */
export const withMachines = needsThat(() => MISSING.length === 0, MISSING.join('; ').replaceAll('\n', ''));

/** What guests find as /guest.mjs. */
export const TEST_PROGRAM = fileURLToPath(new URL('./guest/main.ts', import.meta.url));

/** A vms with its broker running. `prepare`: changes its files before that. */
export async function openVms(program = TEST_PROGRAM, prepare?: (host: DemoHost) => void): Promise<DemoHost> {
  const vms = await DemoHost.build({
    directory: temporaryDirectory(),
    accelerator: 'tcg',
    domains: ['audio-vm', 'chrome-vm', 'net-vm'],
    program,
    morePolicy: { 'services.yaml': ECHO_CLASS, 'policy.csv': ECHO_ROWS },
  });
  prepare?.(vms);
  await vms.startBroker();
  return vms;
}

export async function closeVms(vms: DemoHost): Promise<void> {
  // Shown by the runner only when the test has failed.
  process.stdout.write(vms.consoles);
  await vms.close();
}

/** The test's programs as processes of this host, on the sockets of the machines; returns what `ping` printed. */
export async function pingBetweenProcesses(vms: DemoHost, rounds: number, messages: number): Promise<string> {
  const start = (name: string, ...role: string[]): ChildProcess =>
    spawn(process.execPath, [vms.path('guest.mjs'), ...role], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ARGUS_CARRIER: `unix:${vms.socketOf(name)}`, ARGUS_IDENTITY: vms.path(name) },
    });
  const echo = start('audio-vm', 'echo');
  try {
    if (echo.stdout === null) throw new Error('no output');
    for await (const line of createInterface({ input: echo.stdout })) if (line === 'listening') break;
    const ping = start('chrome-vm', 'ping', `${rounds}`, `${messages}`);
    let text = '';
    ping.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await new Promise((resolve) => ping.once('close', resolve));
    return text;
  } finally {
    echo.kill('SIGKILL');
  }
}

export type AuditRecord = Readonly<Record<string, unknown>>;

/** Records of one event in the audit log of a directory, in order. */
export function audited(directory: string, event: string): AuditRecord[] {
  const records: AuditRecord[] = [];
  const files = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  for (const file of files.sort()) {
    for (const line of readFileSync(join(directory, file), 'utf8').split('\n')) {
      if (line.includes(`"${event}"`)) records.push(JSON.parse(line));
    }
  }
  return records;
}
