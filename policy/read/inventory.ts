/** domains.yaml: the domains, the labels, and the domains that have each label from the start. */
import { z } from 'zod';
import {
  didYouMean,
  formatIpv6,
  formatPrefix,
  parseIpv4,
  parseIpv6,
  parseMac,
  parsePrefix,
} from '../../broker/base/index.ts';
import {
  ANY_LABEL,
  BROKER_NAME,
  isLabel,
  isName,
  MAX_DOMAINS,
  MAX_DOMID,
  MAX_LABELS,
  MAX_ROUTES,
  MAX_SLAAC_PREFIXES,
  SLAAC_PREFIX_BITS,
} from '../contract/index.ts';
import type { Finding, Place } from './finding.ts';
import { parseYaml, type YamlFile } from './yaml.ts';

export const DOMAINS_FILE = 'domains.yaml';

/** A domain as written. */
export interface DeclaredDomain {
  readonly place: Place;
  readonly name: string;
  readonly domid: number;
  readonly mac: string | null;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly routes: readonly string[];
  readonly slaac: readonly string[];
  readonly carrier: string | null;
  readonly cloneSafe: boolean;
  readonly vmm: string | number | null;
  readonly home: string | null;
}

/** `member` (a domain or a label) has `label`. */
export interface Membership {
  readonly member: string;
  readonly label: string;
  readonly place: Place;
}

export interface Inventory {
  readonly domains: readonly DeclaredDomain[];
  /** Declared labels -> may be granted at run time. `@any` is not among them. */
  readonly labels: ReadonlyMap<string, { readonly grantable: boolean; readonly place: Place }>;
  readonly memberships: readonly Membership[];
}

const name = z
  .string()
  .refine(isName, { error: 'a name is a-z, 0-9 and "-", at most 63 characters, and starts with a letter or digit' });
const label = z.string().refine(isLabel, { error: 'a label is "@" and a name: "@app"' });
const ipv4 = z
  .string()
  .refine((text) => parseIpv4(text) !== null, { error: 'an IPv4 address is a dotted quad: 10.20.0.2' });
const mac = z
  .string()
  .refine((text) => parseMac(text) !== null, {
    error: 'a MAC address is lower case with colons: 02:00:00:00:00:01',
    abort: true,
  })
  .refine((text) => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && text !== '00:00:00:00:00:00', {
    error: 'not the address of one station: the first byte of a unicast MAC is even',
  });
const ipv6 = z.string().refine(
  (text) => {
    const bytes = parseIpv6(text);
    // fe80::/10 is the same on every link, no host owns ff00::/8, and :: and ::1 cannot be addresses of a station.
    return bytes !== null && formatIpv6(bytes) === text && !/^(fe[89ab]|ff|::1?$)/.test(text);
  },
  { error: 'an IPv6 address is a global or unique local one in its short form: fd00::2' },
);
const route = z.string().refine(isPlainPrefix, {
  error: 'a route is a prefix without host bits: 0.0.0.0/0, 10.20.0.0/16 or fd00::/8',
});

const slaacPrefix = z.string().refine(
  (text) => {
    const prefix = parsePrefix(text);
    const isOfHosts = prefix?.family === 6 && prefix.length === SLAAC_PREFIX_BITS && !/^(fe[89ab]|ff|::)/.test(text);
    return isOfHosts && formatPrefix(prefix) === text;
  },
  { error: 'a prefix for SLAAC is a global or unique local one of 64 bits: fd00:0:0:1::/64' },
);

/** Each prefix has one spelling here, so that two equal ones look equal in a review. */
function isPlainPrefix(text: string): boolean {
  const prefix = parsePrefix(text);
  return prefix !== null && formatPrefix(prefix) === text;
}

const user = z.union([z.int().min(0).max(0xffff_fffe), z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/)], {
  error: 'the user of a VMM is a name (libvirt-qemu) or a uid (64055)',
});

const domain = z.strictObject({
  name,
  domid: z
    .int()
    .min(0)
    .max(MAX_DOMID, { error: `a domid is 0 to ${MAX_DOMID} (0x7FEF)` }),
  labels: z.array(label).default([]),
  mac: mac.optional(),
  ipv4: ipv4.optional(),
  ipv6: ipv6.optional(),
  routes: z
    .array(route)
    .max(MAX_ROUTES, { error: `more than ${MAX_ROUTES} routes` })
    .default([]),
  slaac: z
    .array(slaacPrefix)
    .max(MAX_SLAAC_PREFIXES, { error: `more than ${MAX_SLAAC_PREFIXES} prefixes` })
    .default([]),
  carrier: z.string().min(1).max(255).optional(),
  cloneSafe: z.boolean().default(false),
  vmm: user.optional(),
  home: name.optional(),
});

const schema = z.strictObject({
  labels: z
    .array(
      z.strictObject({ name: label, grantable: z.boolean().default(false), about: z.string().max(500).optional() }),
    )
    .max(MAX_LABELS, { error: `more than ${MAX_LABELS} labels` })
    .default([]),
  domains: z
    .array(domain)
    .min(1, { error: 'no domain at all' })
    .max(MAX_DOMAINS, { error: `more than ${MAX_DOMAINS} domains` }),
});

const KEYS = [
  'labels',
  'domains',
  'name',
  'grantable',
  'about',
  'domid',
  'mac',
  'ipv4',
  'ipv6',
  'routes',
  'slaac',
  'carrier',
  'cloneSafe',
  'vmm',
  'home',
];

type File = YamlFile<z.infer<typeof schema>>;

/** @returns null after a finding */
export function readInventory(bytes: Uint8Array, findings: Finding[]): Inventory | null {
  const before = findings.length;
  const file = parseYaml(DOMAINS_FILE, bytes, schema, KEYS, findings);
  if (file === null) return null;
  const labels = readLabels(file, findings);
  checkNames(file, findings);
  for (const key of ['domid', 'mac', 'ipv4', 'ipv6'] as const) checkUnique(file, key, findings);
  const memberships = readMemberships(file, labels, findings);
  if (findings.length > before) return null;
  const domains = file.value.domains.map((entry, index) => ({
    place: file.place(['domains', index, 'name']),
    name: entry.name,
    domid: entry.domid,
    mac: entry.mac ?? null,
    ipv4: entry.ipv4 ?? null,
    ipv6: entry.ipv6 ?? null,
    routes: entry.routes,
    slaac: entry.slaac,
    carrier: entry.carrier ?? null,
    cloneSafe: entry.cloneSafe,
    vmm: entry.vmm ?? null,
    home: entry.home ?? null,
  }));
  return { domains, labels, memberships };
}

function readLabels(file: File, findings: Finding[]): Map<string, { grantable: boolean; place: Place }> {
  const labels = new Map<string, { grantable: boolean; place: Place }>();
  for (const [index, entry] of file.value.labels.entries()) {
    const place = file.place(['labels', index, 'name']);
    const first = labels.get(entry.name);
    if (entry.name === ANY_LABEL) {
      findings.push({
        ...place,
        code: 'E-016',
        message: `"${ANY_LABEL}" is every declared domain; it cannot be declared`,
      });
    } else if (first !== undefined) {
      findings.push({
        ...place,
        code: 'E-016',
        message: `label "${entry.name}" is declared twice, first on line ${first.place.line}`,
      });
    } else labels.set(entry.name, { grantable: entry.grantable, place });
  }
  return labels;
}

function checkNames(file: File, findings: Finding[]): void {
  const lines = new Map<string, number>();
  for (const [index, entry] of file.value.domains.entries()) {
    const place = file.place(['domains', index, 'name']);
    const first = lines.get(entry.name);
    if (entry.name === BROKER_NAME) {
      findings.push({
        ...place,
        code: 'E-016',
        message: `"${BROKER_NAME}" stands for the broker itself; name the domain otherwise`,
      });
    } else if (first !== undefined) {
      findings.push({
        ...place,
        code: 'E-016',
        message: `domain "${entry.name}" is declared twice, first on line ${first}`,
      });
    } else lines.set(entry.name, place.line);
  }
}

function checkUnique(file: File, key: 'domid' | 'mac' | 'ipv4' | 'ipv6', findings: Finding[]): void {
  const owners = new Map<string | number, string>();
  for (const [index, entry] of file.value.domains.entries()) {
    const value = entry[key];
    if (value === undefined) continue;
    const owner = owners.get(value);
    if (owner === undefined) owners.set(value, entry.name);
    else {
      const message = `${key} ${value} belongs to both "${owner}" and "${entry.name}"`;
      findings.push({ ...file.place(['domains', index, key]), code: 'E-050', message });
    }
  }
}

function readMemberships(file: File, labels: ReadonlyMap<string, unknown>, findings: Finding[]): Membership[] {
  const memberships: Membership[] = [];
  for (const [index, entry] of file.value.domains.entries()) {
    for (const [position, name] of entry.labels.entries()) {
      const place = file.place(['domains', index, 'labels', position]);
      if (name === ANY_LABEL) {
        findings.push({ ...place, code: 'E-016', message: `every domain has "${ANY_LABEL}"; it is not listed` });
      } else if (!labels.has(name)) {
        const message = `label "${name}" is not declared under "labels"${didYouMean(name, labels.keys())}`;
        findings.push({ ...place, code: 'E-011', message });
      } else memberships.push({ member: entry.name, label: name, place });
    }
  }
  return memberships;
}
