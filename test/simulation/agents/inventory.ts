/** What agents need of a topology: who has which, addresses, service classes and rows of policy. */
import type { Rule } from '../../policy/naive.ts';
import type { Random } from '../../support/random.ts';

export type AgentRole = 'audio' | 'net' | 'app';

/** The agent that a domain has. The VM that keeps no rules has the addresses of one. */
export interface Agent {
  readonly role: AgentRole;
  readonly label: string;
  readonly mac: string;
  /** Null: DHCP gives it one. */
  readonly ipv4: string | null;
  /** Its mixer may mute the VMs of the AudioVM. */
  readonly isMixer: boolean;
}

/** By place; the domains after these are apps. */
export const AGENT_NAMES = ['audio-vm', 'net-vm'] as const;
export const AUDIO_VM = AGENT_NAMES[0];
export const NET_VM = AGENT_NAMES[1];
export const AGENT_LABELS = ['@audio', '@net', '@app'] as const;

/** The default route, and a prefix that the router may announce beside it. */
export const ROUTED = ['0.0.0.0/0', '192.0.2.0/24'] as const;
/** Addresses that the DHCP server gives out: a few more than there are apps. */
export const POOL = { from: '10.9.1.10', to: '10.9.1.14' } as const;

/** The label of the first app in runs with a mixer. */
export const MIXER_LABEL = '@gui';

export function drawnAgent(index: number, hasProxies: boolean): Agent {
  const role = (['audio', 'net'] as const)[index] ?? 'app';
  const domid = index + 1;
  // The first app has a fixed address; the others take one of the pool.
  const mac = `02:00:00:00:00:0${domid}`;
  return {
    role,
    label: `@${role}`,
    mac,
    ipv4: index > 2 ? null : `10.9.0.${domid}`,
    isMixer: hasProxies && index === 2,
  };
}

/** The members of an entry of domains.yaml. */
export function stationOf({ role, mac, ipv4 }: Agent): string {
  const routes = role === 'net' ? `, routes: ${JSON.stringify(ROUTED)}` : '';
  const address = ipv4 === null ? '' : `, ipv4: ${ipv4}`;
  return `mac: "${mac}"${address}${routes}`;
}

export const AGENT_SERVICES_YAML = `
  - { name: audio-playback, ports: [4713], destination: "@audio", inspector: pcm, permissions: [send], flow: to-destination }
  - { name: audio-capture, ports: [4714], destination: "@app", inspector: pcm, permissions: [send], flow: to-destination }
  - { name: audio-control, ports: [4714], destination: "@audio", inspector: audio-control, permissions: [source-start, source-stop, sink-cork, sink-uncork, other], flow: to-destination, auditallow: [source-start, source-stop] }
  - { name: ethernet, ports: [802], inspector: ethernet, permissions: [arp, ipv4, ipv6, other], flow: to-destination }
  - { name: dhcp, ports: [67, 68], inspector: dhcp, permissions: [discover, offer, request, decline, ack, nak, release, inform], flow: to-destination, auditallow: [ack] }
  - { name: route, ports: [520], inspector: route, permissions: [announce, announce-default, withdraw, request], flow: to-destination, auditallow: [announce, announce-default, withdraw] }
`;

/** Class and permission of each use that these classes record. */
export const AUDITED_USES: ReadonlySet<string> = new Set([
  'audio-control source-start',
  'audio-control source-stop',
  'dhcp ack',
  'route announce',
  'route announce-default',
  'route withdraw',
]);

type Row = readonly [source: string, destination: string, className: string, permission: string];

const ROWS: readonly Row[] = [
  ['@app', '@audio', 'audio-playback', 'send'],
  ['@app', '@audio', 'audio-control', '*'],
  ['@audio', '@mic', 'audio-capture', 'send'],
  ['@app', '@net', 'ethernet', '*'],
  ['@net', '@app', 'ethernet', '*'],
  ['@app', '@net', 'dhcp', '*'],
  ['@net', '@app', 'dhcp', '*'],
  ['@app', '@net', 'route', 'request'],
  ['@net', '@app', 'route', 'withdraw'],
  ['@net', '@app', 'route', 'announce'],
  ['@net', '@app', 'route', 'announce-default'],
];

const PROXY_ROWS: readonly Row[] = [
  ['@app', '@net', 'stream', 'send'],
  ['@net', '@app', 'stream', 'send'],
  [MIXER_LABEL, '@audio', 'audio-mixer', 'read'],
  [MIXER_LABEL, '@audio', 'audio-mixer', 'mute'],
  ['@audio', MIXER_LABEL, 'audio-mixer-state', 'state'],
];

export const PROXY_SERVICES_YAML = `
  - { name: stream, ports: ["20000-20999"], inspector: opaque, permissions: [send], flow: to-destination }
  - { name: audio-mixer, ports: [4715], destination: "@audio", inspector: audio-mixer, permissions: [read, set-volume, mute, set-route, state], flow: to-destination }
  - { name: audio-mixer-state, ports: [4715], destination: "${MIXER_LABEL}", inspector: audio-mixer, permissions: [read, set-volume, mute, set-route, state], flow: to-destination }
`;

/** Most rows are there. Nobody but the mixer may mix: that it stays so is what the hostile VM tries. */
export function drawProxyRules(random: Random): Rule[] {
  const rules: Rule[] = [];
  for (const [source, destination, className, permission] of PROXY_ROWS) {
    if (random.oneIn(12)) continue;
    const isOpen = random.oneIn(8) && className === 'stream';
    rules.push({ source: isOpen ? '@any' : source, destination, className, permission, effect: 'allow' });
  }
  return rules;
}

/** Most rows are there; now and then anybody may do it, or one app may not. */
export function drawAgentRules(random: Random): Rule[] {
  const rules: Rule[] = [];
  for (const [source, destination, className, permission] of ROWS) {
    if (random.oneIn(12)) continue;
    const isOpen = random.oneIn(16) && destination !== '@mic';
    rules.push({ source: isOpen ? '@any' : source, destination, className, permission, effect: 'allow' });
  }
  if (random.oneIn(4)) {
    const [source, destination, className, permission] = random.pick(ROWS);
    const app = `vm-${3 + random.below(2)}`;
    const other = source === '@app' ? { source: app, destination } : { source, destination: app };
    rules.push({ ...other, className, permission, effect: 'deny' });
  }
  return rules;
}
