/** The mapping file of an import: what services, actions and names of the other system are here. */
import { z } from 'zod';
import { isLabel, isName, isPermissionName, WILDCARD } from '../contract/index.ts';
import { type Finding, parseYaml, refuseFindings } from '../read/index.ts';

const permission = z.strictObject({
  class: z.string().refine(isName, 'the name of a class'),
  permission: z
    .string()
    .refine((text) => text === WILDCARD || isPermissionName(text), 'the name of a permission, or "*"'),
});
const subject = z.string().refine((text) => isName(text) || isLabel(text), 'a domain or a @label');
const schema = z.strictObject({
  /** `qubes.Filecopy`, or `qubes.Filecopy+argument` for one argument; for Casbin the action. */
  services: z.record(z.string(), permission).default({}),
  /** Names that are spelled otherwise here; `@adminvm` too. */
  names: z.record(z.string(), subject).default({}),
});

export type Mapping = z.output<typeof schema>;

export const NO_MAPPING: Mapping = Object.freeze({ services: {}, names: {} });

/** @throws PolicyError ERR_POLICY_YAML */
export function readMapping(file: string, bytes: Uint8Array): Mapping {
  const findings: Finding[] = [];
  const parsed = parseYaml(file, bytes, schema, ['services', 'names', 'class', 'permission'], findings);
  refuseFindings(findings);
  return parsed?.value ?? NO_MAPPING;
}

/** A domain or label of ours. Null: the name is not valid here, and the mapping has no entry for it. */
export function subjectOf(name: string, { names }: Mapping): string | null {
  const mapped = Object.hasOwn(names, name) ? names[name] : undefined;
  if (mapped !== undefined) return mapped;
  return isName(name) || isLabel(name) ? name : null;
}

export function serviceOf(name: string, { services }: Mapping): Mapping['services'][string] | null {
  return Object.hasOwn(services, name) ? (services[name] ?? null) : null;
}
