/** The door of host/: making a host, and adding virtual machines to it. */
export { addVm, type NewVm } from './add-vm.ts';
export { HOST_ERROR_CODES, HostError } from './errors.ts';
export { HOST_CONFIG, initHost } from './init.ts';
