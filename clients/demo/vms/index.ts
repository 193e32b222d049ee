/** The door of vms/: the demo in real virtual machines, and its parts for the tests. */

export { endWithUs } from '../../machines/child-processes.ts';
export { nodeArguments } from '../../machines/program-file.ts';
export { runVmDemo, type VmDemoOptions } from './demo.ts';
export { GUEST_PROGRAM, Host } from './host.ts';
export { hostProgram } from '../../machines/image/build.ts';
export type { Entry } from '../../machines/image/cpio.ts';
export { Machine } from '../../machines/machine.ts';
export { missingForMachines } from '../../machines/needs.ts';
export { CHROME_VM_FILES, CHROME_VM_NETWORK, CHROME_VM_USE, NET_VM_FILES, NET_VM_MAIN, yaml } from './network.ts';
export { MESSAGES, SOUND_HASH, SoundCheck } from './sound-check.ts';
