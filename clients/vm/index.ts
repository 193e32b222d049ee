/** Attaching virtual machines: the fragments for their hypervisors, and the first credential of a guest. */
export { agentFile } from './agent-file.ts';
export { type AttachableDomain, attachmentOf } from './attachment.ts';
export { DEVICE_KINDS, deviceFragment } from './device-fragments.ts';
export { openEnrolment } from './enrolment.ts';
export { VM_ERROR_CODES, VmError } from './errors.ts';
export { defaultHypervisor, fragment, guestRecipe, HYPERVISORS } from './fragments.ts';
