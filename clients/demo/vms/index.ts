/** The demo in real virtual machines, and what it is made of. */

export { runVmDemo, type VmDemoOptions } from './demo.ts';
export { GUEST_PROGRAM, House } from './host.ts';
export { hostProgram } from './image/build.ts';
export type { Entry } from './image/cpio.ts';
export type { Machine } from './machine.ts';
export { missingForMachines } from './needs.ts';
export { CHROME_VM_FILES, CHROME_VM_NETWORK, CHROME_VM_USE, NET_VM_FILES, NET_VM_MAIN, yaml } from './network.ts';
export { Listening, MESSAGES, SOUND_HASH } from './sound-check.ts';
