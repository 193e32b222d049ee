/** Entry of host/: makes a host, adds virtual machines to it, and removes them. */
export { addVm, type NewVm } from './add-vm.ts';
export {
  announceRegister,
  type RegisterDelivery,
  sendExtracts,
  tryToAnnounce,
} from './announce.ts';
export { HOST_ERROR_CODES, HostError } from './errors.ts';
export { HOST_CONFIG, initHost } from './init.ts';
export { removeVm } from './remove-vm.ts';
export { firstLabelOf, HOST_TEMPLATES, type HostTemplate, policyOf } from './templates.ts';
