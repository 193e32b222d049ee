/** Policies of other systems, translated row by row. */
export { importCasbin } from './casbin.ts';
export type { Imported } from './imported.ts';
export { type Mapping, NO_MAPPING, readMapping } from './mapping.ts';
export { importQrexec } from './qrexec.ts';
