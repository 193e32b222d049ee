/** Kinds of host to begin with: the policy of each, and the label of a machine that is added first. */
import type { PolicyTemplate } from '../../policy/index.ts';

export const HOST_TEMPLATES = ['desktop', 'qubes', 'ghaf', 'router', 'minimal'] as const;
export type HostTemplate = (typeof HOST_TEMPLATES)[number];

interface Template {
  readonly policy: PolicyTemplate;
  /** Declared in the policy's inventory; a machine with it may connect. */
  readonly label: string;
}

const TEMPLATES: Readonly<Record<HostTemplate, Template>> = {
  desktop: { policy: 'desktop', label: '@app' },
  qubes: { policy: 'qubes', label: '@app' },
  ghaf: { policy: 'ghaf', label: '@app' },
  router: { policy: 'router', label: '@lan' },
  minimal: { policy: 'empty', label: '@vm' },
};

export const policyOf = (template: HostTemplate): PolicyTemplate => TEMPLATES[template].policy;
export const firstLabelOf = (template: HostTemplate): string => TEMPLATES[template].label;
