/** The name and the role that a credential states about its holder. Both are parsed and never assumed. */
import { KeyError } from '../base/index.ts';

/**
 * The inventory of domains uses the same names: DNS labels of 1 to 63 characters. A name can never look like a security
 * label (@…) or an option (-…).
 */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const ROLES = ['domain', 'broker', 'admin', 'auditor', 'witness'] as const;
export type Role = (typeof ROLES)[number];

/** @throws KeyError ERR_KEY_NAME */
export function assertName(name: string): void {
  if (!NAME_PATTERN.test(name))
    throw new KeyError(
      'ERR_KEY_NAME',
      `name ${JSON.stringify(name)}: expected 1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen`,
    );
}

/** @throws KeyError ERR_KEY_ROLE */
export function parseRole(role: string): Role {
  const found = ROLES.find((each) => each === role);
  if (found === undefined)
    throw new KeyError('ERR_KEY_ROLE', `role ${JSON.stringify(role)}: expected one of ${ROLES.join(', ')}`);
  return found;
}
