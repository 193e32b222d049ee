/** Attaching virtual machines: what their hypervisors are told, and how a guest gets its first credential. */
export { type AttachableDomain, type Attachment, attachmentOf } from './attachment.ts';
export { type Enrolment, type EnrolmentTerms, openEnrolment } from './enrolment.ts';
export { VM_ERROR_CODES, VmError, type VmErrorCode } from './errors.ts';
export { defaultHypervisor, fragment, guestRecipe, HYPERVISORS } from './fragments.ts';
