/** The demo in real virtual machines, and what it is made of. */
export { GUEST_PROGRAM, House } from './house.ts';
export { hostProgram } from './image/build.ts';
export type { Entry } from './image/cpio.ts';
export { Listening, MESSAGES, SOUND_HASH } from './listening.ts';
export type { Machine } from './machine.ts';
export { missingForMachines } from './needs.ts';
export { CHROME_VM_FILES, CHROME_VM_NETWORK, CHROME_VM_USE, NET_VM_FILES, NET_VM_MAIN, yaml } from './network.ts';
export { runVmDemo, type VmDemoOptions } from './show.ts';
