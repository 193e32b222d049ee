/**
 * Chooses KVM or software emulation by booting a guest. In nested virtual machines /dev/kvm may exist and open, and still start
 * no guest.
 */
import { open } from 'node:fs/promises';
import { type Accelerator, Machine } from './machine.ts';

/** A guest under KVM is up in one or two seconds, and in a few where it is nested. */
const PROBE_MS = 10_000;

const CLOSED: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no /dev/kvm'],
  ['EACCES', 'you may not open /dev/kvm (the group kvm may)'],
]);

export interface Choice {
  readonly accelerator: Accelerator;
  /** The reason, for the user. */
  readonly why: string;
}

/** @param directory for the files of the trial machine, which is gone when this resolves */
export async function chooseAccelerator(directory: string): Promise<Choice> {
  try {
    await (await open('/dev/kvm', 'r+')).close();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return { accelerator: 'tcg', why: CLOSED.get(code) ?? `/dev/kvm cannot be opened (${code})` };
  }
  const machine = await Machine.start({ name: 'probe', directory, accelerator: 'kvm', socket: null, main: '' });
  try {
    await machine.line(/^guest: up after/, 1, PROBE_MS);
    return { accelerator: 'kvm', why: '/dev/kvm starts guests' };
  } catch {
    return { accelerator: 'tcg', why: '/dev/kvm is there, but starts no guest' };
  } finally {
    await machine.kill();
  }
}
