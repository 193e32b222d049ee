/** Entry of machines/: QEMU guests for the demo and for tests. */
export { chooseAccelerator } from './accelerator.ts';
export { endAll, endWithUs } from './child-processes.ts';
export { guestImage, hostProgram } from './image/build.ts';
export type { Entry } from './image/cpio.ts';
export { hasNewerPlatform, LOAD_SOUND_CARD, LONG_BUFFER, newerPlatform, soundPrograms } from './image/newer.ts';
export { type Accelerator, Machine } from './machine.ts';
export { missingForMachines } from './needs.ts';
export { nodeArguments, programFile, ROOT } from './program-file.ts';
