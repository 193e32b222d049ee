/** The check of a guest's TAP device: can it be opened, and does it carry segments. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type NetworkConfig, tapCalls } from '../../agents/network/index.ts';
import { type Diagnosis, good, problem, warning } from './diagnosis.ts';

const CHECK = 'guest: TAP device';

/** Of this machine. */
export interface TapMeans {
  readonly device: string;
  /** Directories with programs, as in PATH. */
  readonly path: string;
  /** Why this process cannot carry segments; null: it can. */
  readonly segmentsProblem: () => string | null;
}

const HERE: TapMeans = {
  device: '/dev/net/tun',
  path: process.env.PATH ?? '',
  segmentsProblem: () => {
    const calls = tapCalls();
    return typeof calls === 'string' ? calls : null;
  },
};

/** Empty if the guest has no TAP device. */
export async function diagnoseTap(
  network: NetworkConfig | null,
  means: TapMeans = HERE,
): Promise<readonly Diagnosis[]> {
  const { tap, offload } = network?.link ?? {};
  if (tap === undefined) return [];
  const { device, path, segmentsProblem } = means;
  if (!(await isAllowed(device, constants.F_OK)))
    return [problem(CHECK, 'ERR_NET_TAP', `there is no "${device}": load the module (modprobe tun)`)];
  if (!(await isAllowed(device, constants.R_OK | constants.W_OK)))
    return [problem(CHECK, 'ERR_NET_TAP', `this user may not use "${device}"`)];
  const reason = offload === false ? null : segmentsProblem();
  if (offload !== false && reason === null) return [good(CHECK, `${tap}: segments of up to 64 KiB`)];
  // Without the calls a program in Perl moves the frames.
  if (!(await isProgram('perl', path)))
    return [problem(CHECK, 'ERR_NET_TAP', `"${tap}" needs the program "perl"${reason === null ? '' : `: ${reason}`}`)];
  return [
    reason === null
      ? good(CHECK, `${tap}: frames of one MTU, because "offload" is false`)
      : warning(CHECK, `${tap}: frames of one MTU instead of segments of up to 64 KiB: ${reason}`),
  ];
}

function isAllowed(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function isProgram(name: string, path: string): Promise<boolean> {
  for (const directory of path.split(delimiter)) {
    if (directory !== '' && (await isAllowed(join(directory, name), constants.X_OK))) return true;
  }
  return false;
}
