/** The table of layers: which folder may import which, and which package may be imported where. */

export interface Layer {
  /** Folders whose door this one may import; itself is always allowed. */
  readonly imports: readonly string[];
  /** Those of `imports` of which only types may be imported. */
  readonly typesOnly?: readonly string[];
  readonly breaking: readonly Readonly<Record<string, string>>[];
}

/** What the edges of the broker may use: everything below them, and the options and limits in `broker/` itself. */
const BELOW_EDGES = ['broker/wire', 'broker/session', 'broker/core', 'broker/audit', 'keys', 'policy', 'broker'];

/** Bottom first. `broker` stands for the files right inside broker/: composition, options, limits, process. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  keys: { imports: [], breaking: [{ 'keys/credential.ts': `import { MAX } from '../broker/wire/index.ts';` }] },
  policy: { imports: [], breaking: [{ 'policy/avc.ts': `import type { Ring } from '../broker/core/index.ts';` }] },
  'broker/wire': {
    imports: [],
    breaking: [{ 'broker/wire/frame.ts': `import type { Domain } from '../../policy/index.ts';` }],
  },
  'broker/session': {
    imports: ['broker/wire', 'keys'],
    breaking: [
      { 'broker/session/handshake.ts': `import { sendv } from '../core/index.ts';` },
      { 'broker/session/handshake.ts': `import type { Domain } from '../../policy/index.ts';` },
    ],
  },
  'broker/core': {
    imports: ['broker/wire', 'policy'],
    breaking: [
      { 'broker/core/domain.ts': `import { Session } from '../session/index.ts';` },
      { 'broker/core/domain.ts': `export type { AuditLog } from '../audit/index.ts';` },
      { 'broker/core/domain.ts': `import { limits } from '../limits.ts';` },
    ],
  },
  'broker/audit': {
    imports: ['policy'],
    typesOnly: ['policy'],
    breaking: [
      { 'broker/audit/record.ts': `import { Permit } from '../../policy/index.ts';` },
      { 'broker/audit/record.ts': `import type { Status } from '../wire/index.ts';` },
    ],
  },
  'broker/carrier': {
    imports: BELOW_EDGES,
    breaking: [{ 'broker/carrier/unix.ts': `import { connect } from '../../clients/sdk/index.ts';` }],
  },
  'broker/peer': {
    imports: [...BELOW_EDGES, 'broker/carrier'],
    typesOnly: ['broker/carrier'],
    breaking: [
      { 'broker/peer/peer.ts': `import { listen } from '../carrier/index.ts';` },
      { 'broker/peer/peer.ts': `import { status } from '../control/index.ts';` },
    ],
  },
  'broker/control': {
    imports: BELOW_EDGES,
    breaking: [{ 'broker/control/status.ts': `import { print } from '../../clients/cli/output.ts';` }],
  },
  'broker/federation': {
    imports: [...BELOW_EDGES, 'broker/carrier'],
    breaking: [{ 'broker/federation/peer.ts': `import { grant } from '../control/index.ts';` }],
  },
  broker: {
    imports: [...BELOW_EDGES, 'broker/carrier', 'broker/peer', 'broker/control', 'broker/federation'],
    breaking: [{ 'broker/broker.ts': `import { connect } from '../clients/sdk/index.ts';` }],
  },
  // Loads on any Node, so it stands alone.
  'clients/node-version': {
    imports: [],
    breaking: [{ 'clients/node-version/node-version.ts': `import { VERSION } from '../../broker/index.ts';` }],
  },
  'clients/sdk': {
    imports: ['broker/wire', 'broker/session', 'broker/carrier', 'keys'],
    breaking: [
      { 'clients/sdk/ring.ts': `import { Ring } from '../../broker/core/index.ts';` },
      { 'clients/sdk/connect.ts': `import { startBroker } from '../../broker/index.ts';` },
      { 'clients/sdk/connect.ts': `import type { Permit } from '../../policy/index.ts';` },
    ],
  },
  'clients/audio': {
    imports: ['clients/sdk', 'broker/wire'],
    breaking: [{ 'clients/audio/agent.ts': `import { Ring } from '../../broker/core/index.ts';` }],
  },
  'clients/network': {
    imports: ['clients/sdk', 'broker/wire'],
    breaking: [{ 'clients/network/dhcp.ts': `import { seal } from '../../broker/channel/index.ts';` }],
  },
  'clients/agent': {
    imports: ['clients/sdk', 'clients/audio', 'clients/network', 'broker/wire', 'keys'],
    breaking: [{ 'clients/agent/agent.ts': `import { startBroker } from '../../broker/index.ts';` }],
  },
  'clients/vm': {
    imports: ['clients/agent', 'broker', 'keys', 'policy'],
    breaking: [{ 'clients/vm/qemu.ts': `import { Sessions } from '../../broker/channel/index.ts';` }],
  },
  'clients/demo': {
    imports: [
      'clients/node-version',
      'clients/sdk',
      'clients/audio',
      'clients/network',
      'broker/wire',
      'broker/session',
      'broker/audit',
      'broker/carrier',
      'broker',
      'keys',
      'policy',
    ],
    breaking: [{ 'clients/demo/rogue.ts': `import { sendv } from '../../broker/core/index.ts';` }],
  },
  'clients/cli': {
    imports: [
      'clients/node-version',
      'clients/sdk',
      'clients/audio',
      'clients/network',
      'clients/agent',
      'clients/vm',
      'broker/audit',
      'broker/control',
      'broker',
      'keys',
      'policy',
    ],
    breaking: [{ 'clients/cli/commands/ring.ts': `import { Ring } from '../../../broker/core/index.ts';` }],
  },
};

/** What the unit may import, or null if the table does not know it. */
export function allowedUnits(unit: string): readonly string[] | null {
  return Object.hasOwn(LAYERS, unit) ? (LAYERS[unit]?.imports ?? null) : null;
}

/** No sockets, files, clock or randomness of their own; these come in as arguments. */
export const PURE_UNITS: readonly string[] = ['broker/wire', 'broker/session', 'broker/core'];

export interface ModulePlace {
  readonly packageName: string;
  /** Where it may be imported at all. */
  readonly folders: readonly string[];
  /** How far it may spread there. */
  readonly within: 'file' | 'folder' | 'any';
  readonly breaking: readonly Readonly<Record<string, string>>[];
}

/** Each dependency that the trust rests on, or that would shape the code, stays behind an interface of ours. */
export const MODULES: readonly ModulePlace[] = [
  {
    packageName: 'casbin',
    folders: ['policy'],
    within: 'file',
    breaking: [
      {
        'policy/oracle.ts': `import { newEnforcer } from 'casbin';`,
        'policy/avc.ts': `import { Enforcer } from 'casbin';`,
      },
      { 'broker/core/sendv.ts': `import type { Enforcer } from 'casbin';` },
    ],
  },
  {
    packageName: '@noble/ciphers',
    folders: ['keys'],
    within: 'file',
    breaking: [
      {
        'keys/aead-noble.ts': `import { gcm } from '@noble/ciphers/aes.js';`,
        'keys/store.ts': `import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';`,
      },
    ],
  },
  {
    packageName: 'jose',
    folders: ['keys'],
    within: 'any',
    breaking: [{ 'broker/session/hello.ts': `import { jwtVerify } from 'jose';` }],
  },
  {
    packageName: 'nats',
    folders: ['broker'],
    within: 'folder',
    breaking: [
      {
        'broker/carrier/nats.ts': `import { connect } from 'nats';`,
        'broker/federation/bundle.ts': `import type { KV } from 'nats';`,
      },
    ],
  },
  {
    packageName: 'commander',
    folders: ['clients/cli', 'clients/demo'],
    within: 'any',
    breaking: [{ 'broker/main.ts': `import { Command } from 'commander';` }],
  },
  {
    packageName: 'cli-table3',
    folders: ['clients'],
    within: 'any',
    breaking: [{ 'broker/control/status.ts': `import { table } from 'cli-table3';` }],
  },
  {
    packageName: 'pino',
    folders: ['broker'],
    within: 'file',
    breaking: [
      { 'broker/log.ts': `import { pino } from 'pino';`, 'broker/main.ts': `import type { Logger } from 'pino';` },
    ],
  },
  {
    packageName: 'prom-client',
    folders: ['broker'],
    within: 'file',
    breaking: [{ 'clients/sdk/metrics.ts': `import { Counter } from 'prom-client';` }],
  },
];
