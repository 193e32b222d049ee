/** Inspectors: they name the permission that a message asks for. */
export { type AddressChoice, type Inspector, MALFORMED, UNFIT_REASONS } from './inspector.ts';
export { MAX_CHOSEN_ADDRESSES, Neighbours } from './neighbours.ts';
export { INSPECTORS } from './registry.ts';
