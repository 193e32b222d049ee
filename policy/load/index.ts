export { type CompileOptions, compilePolicy } from './compile.ts';
export {
  compileFiles,
  type LoadOptions,
  loadPolicy,
  type PolicyRevision,
  readPolicyFile,
  readPolicyFiles,
  regrantPolicy,
  reloadPolicy,
  servingPace,
} from './directory.ts';
export { hashFiles, POLICY_FILE_NAMES, type PolicyFiles } from './files.ts';
export { installPolicy } from './install.ts';
export type { PolicyBuild } from './policy-source.ts';
export {
  copyShippedPolicy,
  POLICY_TEMPLATES,
  type PolicyTemplate,
  SHIPPED_POLICY_DIRECTORY,
} from './shipped.ts';
export { type PolicyWatch, type WatchOptions, watchPolicy } from './watch.ts';
