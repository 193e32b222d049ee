/** The grammar of names and labels: small enough that no two of them look alike or need quoting anywhere. */
import { MAX_NAME_LENGTH } from './limits.ts';

const NAME = /^[a-z0-9][a-z0-9-]*$/;
/** Permissions may have Flask's underscores: `register_any_source`. */
const PERMISSION = /^[a-z0-9][a-z0-9_-]*$/;

/** The pseudo-domain that stands for the broker itself, as xen_t stands for the hypervisor in Flask. */
export const BROKER_NAME = 'broker';
/** The label that every declared domain has; The broker itself does not have it. */
export const ANY_LABEL = '@any';
/** Every permission of the class. */
export const WILDCARD = '*';

export function isName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && NAME.test(text);
}

export function isPermissionName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && PERMISSION.test(text);
}

export function isLabel(text: string): boolean {
  return text.startsWith('@') && isName(text.slice(1));
}
