/** Inspectors: they name the permission that a message asks for. */
export { type Inspector, MALFORMED, UNFIT_REASONS } from './inspector.ts';
export { INSPECTORS } from './registry.ts';
