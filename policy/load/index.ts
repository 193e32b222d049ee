export {
  type CompileOptions,
  compilePolicy,
  POLICY_FILE_NAMES,
  type PolicyFiles,
} from './compile.ts';
export { type LoadOptions, loadPolicy, type PolicyRevision, recompilePolicy } from './directory.ts';
export { copyShippedPolicy, SHIPPED_POLICY_DIRECTORY } from './shipped.ts';
export { type PolicyWatch, type WatchOptions, watchPolicy } from './watch.ts';
