/** Listens at a unix socket that a killed process may have left behind. */
import { unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { DeviceError } from '../base/index.ts';
import type { Descriptor } from './descriptor.ts';
import type { System } from './system.ts';

/** @throws DeviceError ERR_DEVICE_SOCKET; also when another process listens there */
export async function listenUnix(system: System, path: string): Promise<Descriptor> {
  try {
    return system.listen(path);
  } catch (error) {
    if (!(error instanceof DeviceError) || !(await isAbandoned(path))) throw error;
    unlinkSync(path);
    return system.listen(path);
  }
}

/** True for a socket that refuses connections: no process listens at it any more. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED'));
  });
}
