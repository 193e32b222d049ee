/** The door of host/: making a host, adding virtual machines to it, and removing them. */
export { addVm, type NewVm } from './add-vm.ts';
export { HOST_ERROR_CODES, HostError } from './errors.ts';
export { HOST_CONFIG, initHost } from './init.ts';
export { removeVm } from './remove-vm.ts';
