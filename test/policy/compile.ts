/** A small policy that tests vary: text in, compiled policy or findings out. */

import { INSPECTORS } from '../../broker/core/index.ts';
import {
  type CompiledPolicy,
  type Finding,
  type Grant,
  type Inspectors,
  type PolicyBuild,
  PolicyError,
} from '../../policy/index.ts';
import { compilePolicy } from '../../policy/load/compile.ts';
import { MODEL_TEXT } from '../../policy/read/casbin-model.ts';

export { INSPECTORS };

export interface Texts {
  readonly model?: string;
  readonly domains?: string;
  readonly services?: string;
  readonly policy?: string;
  readonly assertions?: string;
  readonly tests?: string;
}

export const DOMAINS = `labels:
  - name: '@app'
  - name: '@audio'
  - name: '@mic'
    grantable: true
domains:
  - {name: audio-vm, domid: 1, labels: ['@audio'], mac: '02:00:00:00:00:01', ipv4: 10.0.0.1}
  - {name: chrome-vm, domid: 101, labels: ['@app']}
  - {name: mail-vm, domid: 102, labels: ['@app']}
  - {name: rogue-vm, domid: 199}
`;

export const SERVICES = `classes:
  - {name: playback, ports: [4713], destination: '@audio', inspector: pcm, permissions: [send], flow: to-destination}
  - name: control
    ports: [4714, '6000-6010']
    destination: '@audio'
    inspector: audio-control
    permissions: [source-start, source-stop, sink-cork, sink-uncork, other]
    flow: both
    auditallow: [source-start]
`;

/** Rows of a test's own follow; without any, one that keeps the file from being empty. */
export const ONE_ROW = 'p, @app, @audio, playback, send, allow\n';

export interface Options {
  readonly revision?: number;
  readonly overlay?: readonly Grant[];
  readonly inspectors?: Inspectors;
}

export function compileTexts(texts: Texts, options: Options = {}): Promise<PolicyBuild> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const files = {
    'model.conf': bytes(texts.model ?? MODEL_TEXT),
    'domains.yaml': bytes(texts.domains ?? DOMAINS),
    'services.yaml': bytes(texts.services ?? SERVICES),
    'policy.csv': bytes(texts.policy ?? ONE_ROW),
    'assertions.csv': bytes(texts.assertions ?? ''),
    'tests.csv': bytes(texts.tests ?? ''),
  };
  return compilePolicy(files, { revision: 1, inspectors: INSPECTORS, ...options });
}

/** What is found; fails the test when the policy is accepted. */
export async function findingsOf(texts: Texts, options: Options = {}): Promise<readonly Finding[]> {
  try {
    await compileTexts(texts, options);
  } catch (error) {
    if (error instanceof PolicyError && error.findings.length > 0) return error.findings;
    throw error;
  }
  throw new Error('the policy was accepted');
}

/** `F-001@3:12`, for tables. */
export async function codesOf(texts: Texts, options: Options = {}): Promise<string[]> {
  return (await findingsOf(texts, options)).map(({ code, line, column }) => `${code}@${line}:${column}`);
}

/** A declared domain or a failed test. */
export function domainOf(policy: CompiledPolicy, name: string) {
  const domain = policy.domains.byName(name);
  if (domain === undefined) throw new Error(`no domain ${name}`);
  return domain;
}

export function classOf(policy: CompiledPolicy, name: string) {
  const serviceClass = policy.classes.byName(name);
  if (serviceClass === undefined) throw new Error(`no class ${name}`);
  return serviceClass;
}

/** One decision by names; `broker` is the pseudo-domain. */
export function decide(
  policy: CompiledPolicy,
  source: string,
  destination: string,
  className: string,
  permission: string,
) {
  const serviceClass = classOf(policy, className);
  const to = destination === 'broker' ? policy.domains.broker : domainOf(policy, destination);
  const { decisions } = policy.monitor.vector(domainOf(policy, source), to, serviceClass);
  const decision = decisions[serviceClass.permissions.indexOf(permission)];
  if (decision === undefined) throw new Error(`class ${className} has no permission ${permission}`);
  return decision;
}
