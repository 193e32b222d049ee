/** Entry of vms/: the demo in real virtual machines, and its parts for the tests. */
export { runVmDemo, type VmDemoOptions } from './demo.ts';
export { DemoHost, GUEST_PROGRAM } from './host.ts';
export { CHROME_VM_FILES, CHROME_VM_NETWORK, CHROME_VM_USE, NET_VM_FILES, NET_VM_MAIN, yaml } from './network.ts';
export { MESSAGES, SOUND_HASH, SoundCheck } from './sound-check.ts';
