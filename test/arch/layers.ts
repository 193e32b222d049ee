/** The table of layers: which folder may import which, and which package may be imported where. */

export interface Layer {
  /** Folders whose `index.ts` this one may import. A folder may always import itself. */
  readonly imports: readonly string[];
  /** Folders of `imports` from which only types may be imported. */
  readonly typesOnly?: readonly string[];
  readonly breaking: readonly Readonly<Record<string, string>>[];
}

/** Folders that the edges of the broker may import: all lower ones. */
const BELOW_EDGES = [
  'broker/base',
  'broker/config',
  'broker/process',
  'broker/wire',
  'broker/turns',
  'broker/channel',
  'broker/record',
  'broker/core',
  'broker/audit',
  'keys',
  'policy/contract',
  'policy',
];

/**
 * The lowest layer first. `keys`, `policy` and `broker` mean the files directly in them: two entries, and the
 * composition.
 */
export const LAYERS: Readonly<Record<string, Layer>> = {
  // The lowest layer: all folders may import it, so it imports nothing.
  'broker/base': {
    imports: [],
    breaking: [
      { 'broker/base/fifo.ts': `import { Op } from '../wire/index.ts';` },
      { 'broker/base/clock.ts': `import { SWEEP_MS } from '../process/index.ts';` },
    ],
  },
  // How files are replaced and private sockets made: the one folder below all others that touches a disk.
  'broker/files': {
    imports: [],
    breaking: [{ 'broker/files/replace-file.ts': `import { BrokerError } from '../process/index.ts';` }],
  },
  // How native code is reached: each room that may call it names this one.
  'broker/native': {
    imports: [],
    breaking: [{ 'broker/native/koffi.ts': `import { BrokerError } from '../process/index.ts';` }],
  },
  'broker/config': {
    imports: ['broker/base'],
    breaking: [{ 'broker/config/problems.ts': `import { BrokerError } from '../process/index.ts';` }],
  },
  'broker/process': {
    imports: ['broker/base'],
    breaking: [
      { 'broker/process/limits.ts': `import { Op } from '../wire/index.ts';` },
      { 'broker/process/log.ts': `import { openLog } from '../service/index.ts';` },
    ],
  },
  'keys/base': {
    imports: ['broker/base'],
    breaking: [{ 'keys/base/limits.ts': `import { MAX } from '../../broker/wire/index.ts';` }],
  },
  'keys/aead': {
    imports: ['broker/base', 'broker/native', 'keys/base'],
    breaking: [{ 'keys/aead/nonce.ts': `import { EpochSecret } from '../schedule/index.ts';` }],
  },
  'keys/schedule': {
    imports: ['broker/base', 'keys/base'],
    breaking: [{ 'keys/schedule/schedule.ts': `import { openAuthority } from '../files/index.ts';` }],
  },
  'keys/credential': {
    imports: ['broker/base', 'keys/base'],
    breaking: [{ 'keys/credential/credential.ts': `import { loadIdentity } from '../files/index.ts';` }],
  },
  'keys/sealed': {
    imports: ['broker/base', 'keys/base'],
    breaking: [{ 'keys/sealed/seal.ts': `import { loadIdentity } from '../files/index.ts';` }],
  },
  'keys/files': {
    imports: ['broker/base', 'broker/files', 'keys/base', 'keys/credential', 'keys/sealed'],
    breaking: [{ 'keys/files/identity.ts': `import type { Domain } from '../../policy/contract/index.ts';` }],
  },
  keys: {
    imports: ['keys/base', 'keys/aead', 'keys/schedule', 'keys/credential', 'keys/files'],
    breaking: [{ 'keys/index.ts': `export { MAX } from '../broker/wire/index.ts';` }],
  },
  'policy/contract': {
    imports: ['broker/base'],
    breaking: [
      { 'policy/contract/limits.ts': `import { SWEEP_MS } from '../../broker/process/index.ts';` },
      { 'policy/contract/permit.ts': `import { Oracle } from '../decide/index.ts';` },
    ],
  },
  'policy/read': {
    imports: ['broker/base', 'broker/config', 'policy/contract'],
    breaking: [{ 'policy/read/inventory.ts': `import { Decider } from '../decide/index.ts';` }],
  },
  'policy/decide': {
    imports: ['broker/base', 'policy/contract', 'policy/read'],
    breaking: [
      { 'policy/decide/avc.ts': `import { loadPolicy } from '../load/index.ts';` },
      { 'policy/decide/avc.ts': `import type { Ring } from '../../broker/core/index.ts';` },
    ],
  },
  'policy/load': {
    imports: ['broker/base', 'broker/files', 'policy/contract', 'policy/read', 'policy/decide'],
    breaking: [{ 'policy/load/watch.ts': `import { log } from '../../broker/process/index.ts';` }],
  },
  'policy/archive': {
    imports: ['broker/base', 'broker/files', 'policy/contract', 'policy/read', 'policy/load'],
    breaking: [{ 'policy/archive/open.ts': `import { AuditLog } from '../../broker/audit/index.ts';` }],
  },
  'policy/bundle': {
    imports: ['broker/base', 'broker/files', 'keys', 'policy/decide', 'policy/load', 'policy/read'],
    breaking: [{ 'policy/bundle/memory.ts': `import { openArchive } from '../archive/index.ts';` }],
  },
  'policy/analyse': {
    imports: ['policy/contract', 'policy/read', 'policy/decide', 'policy/load'],
    breaking: [{ 'policy/analyse/subject.ts': `import { Ring } from '../../broker/core/index.ts';` }],
  },
  'policy/convert': {
    imports: ['policy/contract', 'policy/read'],
    breaking: [{ 'policy/convert/qrexec.ts': `import { loadPolicy } from '../load/index.ts';` }],
  },
  policy: {
    imports: [
      'policy/contract',
      'policy/read',
      'policy/decide',
      'policy/load',
      'policy/archive',
      'policy/bundle',
      'policy/analyse',
      'policy/convert',
    ],
    breaking: [{ 'policy/index.ts': `export { Ring } from '../broker/core/index.ts';` }],
  },
  'broker/wire': {
    imports: ['broker/base'],
    breaking: [{ 'broker/wire/frame.ts': `import type { Domain } from '../../policy/contract/index.ts';` }],
  },
  'broker/turns': {
    imports: ['broker/base', 'broker/wire'],
    breaking: [
      { 'broker/turns/turns.ts': `import { Peer } from '../peer/index.ts';` },
      { 'broker/turns/limits.ts': `import { SWEEP_MS } from '../process/index.ts';` },
    ],
  },
  'broker/channel': {
    imports: ['broker/base', 'broker/wire', 'keys'],
    breaking: [
      { 'broker/channel/handshake.ts': `import { sendv } from '../core/index.ts';` },
      { 'broker/channel/handshake.ts': `import type { Domain } from '../../policy/contract/index.ts';` },
    ],
  },
  // The audit events: declared once, below the core that reports them and the log that writes them.
  'broker/record': {
    imports: ['policy/contract'],
    typesOnly: ['policy/contract'],
    breaking: [
      { 'broker/record/events.ts': `import { Permit } from '../../policy/contract/index.ts';` },
      { 'broker/record/events.ts': `import type { PolicyRevision } from '../../policy/index.ts';` },
      { 'broker/record/events.ts': `import type { AuditLog } from '../audit/index.ts';` },
    ],
  },
  'broker/core': {
    imports: ['broker/base', 'broker/wire', 'broker/record', 'policy/contract'],
    typesOnly: ['broker/record'],
    breaking: [
      { 'broker/core/domain.ts': `import { AUDIT_EVENTS } from '../record/index.ts';` },
      { 'broker/core/domain.ts': `import { Channel } from '../channel/index.ts';` },
      { 'broker/core/domain.ts': `export type { AuditLog } from '../audit/index.ts';` },
      { 'broker/core/domain.ts': `import { loadPolicy } from '../../policy/index.ts';` },
    ],
  },
  'broker/audit': {
    imports: ['broker/base', 'broker/files', 'broker/native', 'broker/record', 'policy/contract'],
    typesOnly: ['policy/contract'],
    breaking: [
      { 'broker/audit/body.ts': `import { Permit } from '../../policy/contract/index.ts';` },
      { 'broker/audit/body.ts': `import type { PolicyRevision } from '../../policy/index.ts';` },
      { 'broker/audit/body.ts': `import type { Status } from '../wire/index.ts';` },
    ],
  },
  'broker/carrier': {
    imports: ['broker/base', 'broker/files', 'broker/config', 'broker/process', 'broker/turns', 'keys', 'policy'],
    breaking: [
      { 'broker/carrier/unix.ts': `import { connect } from '../../clients/sdk/index.ts';` },
      { 'broker/carrier/places.ts': `import { SessionPace } from '../service/index.ts';` },
    ],
  },
  'broker/peer': {
    imports: [...BELOW_EDGES, 'broker/carrier'],
    typesOnly: ['broker/carrier'],
    breaking: [
      { 'broker/peer/peer.ts': `import { listen } from '../carrier/index.ts';` },
      { 'broker/peer/flusher.ts': `import { natsMembersOf } from '../service/index.ts';` },
      { 'broker/peer/peer.ts': `import { status } from '../control/index.ts';` },
    ],
  },
  'broker/federation': {
    imports: [...BELOW_EDGES, 'broker/carrier'],
    breaking: [{ 'broker/federation/bridge.ts': `import { grant } from '../control/index.ts';` }],
  },
  'broker/service': {
    imports: [...BELOW_EDGES, 'broker/carrier', 'broker/peer', 'broker/federation'],
    breaking: [{ 'broker/service/status.ts': `import { serveControl } from '../control/index.ts';` }],
  },
  'broker/control': {
    imports: [...BELOW_EDGES, 'broker/files', 'broker/carrier', 'broker/service'],
    breaking: [{ 'broker/control/status.ts': `import { print } from '../../clients/cli/index.ts';` }],
  },
  broker: {
    imports: [...BELOW_EDGES, 'broker/carrier', 'broker/peer', 'broker/federation', 'broker/service', 'broker/control'],
    breaking: [{ 'broker/broker.ts': `import { connect } from '../clients/sdk/index.ts';` }],
  },
  // Must load on any version of Node, so it imports nothing.
  'clients/entry': {
    imports: [],
    breaking: [{ 'clients/entry/node-version.ts': `import { VERSION } from '../../broker/index.ts';` }],
  },
  'clients/sdk': {
    imports: ['broker/base', 'broker/config', 'broker/wire', 'broker/channel', 'broker/carrier', 'keys'],
    breaking: [
      { 'clients/sdk/ring.ts': `import { Ring } from '../../broker/core/index.ts';` },
      { 'clients/sdk/errors.ts': `import { BrokerError } from '../../broker/process/index.ts';` },
      { 'clients/sdk/connect.ts': `import { startBroker } from '../../broker/index.ts';` },
      { 'clients/sdk/connect.ts': `import type { Permit } from '../../policy/contract/index.ts';` },
    ],
  },
  'clients/agents/audio': {
    imports: ['clients/sdk', 'broker/base', 'broker/files', 'broker/wire'],
    breaking: [{ 'clients/agents/audio/guest/endpoint.ts': `import { Ring } from '../../../broker/core/index.ts';` }],
  },
  'clients/agents/network': {
    imports: ['clients/sdk', 'broker/base', 'broker/files', 'broker/native', 'broker/config', 'broker/wire'],
    breaking: [{ 'clients/agents/network/dhcp.ts': `import { seal } from '../../../broker/channel/index.ts';` }],
  },
  'clients/agents/guest': {
    imports: [
      'clients/sdk',
      'clients/agents/audio',
      'clients/agents/network',
      'broker/base',
      'broker/files',
      'broker/config',
      'broker/wire',
      'keys',
    ],
    breaking: [{ 'clients/agents/guest/agent.ts': `import { startBroker } from '../../../broker/index.ts';` }],
  },
  'clients/devices/base': {
    imports: ['broker/base'],
    breaking: [{ 'clients/devices/base/limits.ts': `import { openSystem } from '../sys/index.ts';` }],
  },
  'clients/devices/sys': {
    imports: ['broker/native', 'clients/devices/base'],
    breaking: [{ 'clients/devices/sys/listen.ts': `import { connect } from '../../sdk/index.ts';` }],
  },
  'clients/devices/memory': {
    imports: ['clients/devices/sys'],
    typesOnly: ['clients/devices/sys'],
    breaking: [
      { 'clients/devices/memory/memory-file.ts': `import { openSystem } from '../sys/index.ts';` },
      { 'clients/devices/memory/memory-file.ts': `import { SplitQueue } from '../virtqueue/index.ts';` },
    ],
  },
  'clients/devices/virtqueue': {
    imports: ['clients/devices/base'],
    breaking: [{ 'clients/devices/virtqueue/chain.ts': `import { GuestMemory } from '../memory/index.ts';` }],
  },
  'clients/devices/vhost-user': {
    imports: ['clients/devices/base', 'clients/devices/sys', 'clients/devices/memory', 'clients/devices/virtqueue'],
    breaking: [{ 'clients/devices/vhost-user/server.ts': `import { VsockDevice } from '../vsock/index.ts';` }],
  },
  'clients/devices/vsock': {
    imports: ['clients/devices/base', 'clients/devices/virtqueue', 'clients/devices/vhost-user', 'clients/sdk'],
    typesOnly: ['clients/devices/virtqueue', 'clients/devices/vhost-user'],
    breaking: [
      { 'clients/devices/vsock/device.ts': `import { openSystem } from '../sys/index.ts';` },
      { 'clients/devices/vsock/device.ts': `import { serveVhostUser } from '../vhost-user/index.ts';` },
    ],
  },
  'clients/devices/host-service': {
    imports: ['clients/devices/vsock'],
    breaking: [{ 'clients/devices/host-service/host-stream.ts': `import { connect } from '../../sdk/index.ts';` }],
  },
  'clients/devices/net': {
    imports: [
      'clients/devices/base',
      'clients/devices/virtqueue',
      'clients/devices/vhost-user',
      'clients/agents/network',
      'clients/sdk',
    ],
    typesOnly: ['clients/devices/virtqueue', 'clients/devices/vhost-user'],
    breaking: [{ 'clients/devices/net/device.ts': `import { openSystem } from '../sys/index.ts';` }],
  },
  'clients/devices/sound': {
    imports: ['clients/devices/virtqueue', 'clients/devices/vhost-user', 'clients/agents/audio', 'clients/sdk'],
    typesOnly: ['clients/devices/virtqueue', 'clients/devices/vhost-user', 'clients/sdk'],
    breaking: [{ 'clients/devices/sound/device.ts': `import { openSystem } from '../sys/index.ts';` }],
  },
  'clients/devices/console': {
    imports: ['clients/devices/virtqueue', 'clients/devices/vhost-user'],
    typesOnly: ['clients/devices/virtqueue', 'clients/devices/vhost-user'],
    breaking: [{ 'clients/devices/console/device.ts': `import { connect } from '../../sdk/index.ts';` }],
  },
  'clients/devices/virtio-msg': {
    imports: [
      'clients/devices/base',
      'clients/devices/console',
      'clients/devices/net',
      'clients/devices/sound',
      'clients/devices/virtqueue',
      'clients/devices/vhost-user',
      'clients/sdk',
    ],
    typesOnly: ['clients/devices/vhost-user'],
    breaking: [
      { 'clients/devices/virtio-msg/argo-bus.ts': `import { openSystem } from '../sys/index.ts';` },
      { 'clients/devices/virtio-msg/device-end.ts': `import { Backend } from '../vhost-user/index.ts';` },
    ],
  },
  'clients/devices/ivshmem': {
    imports: ['clients/devices/base', 'clients/devices/sys', 'clients/devices/vhost-user', 'clients/sdk'],
    breaking: [{ 'clients/devices/ivshmem/region.ts': `import { GuestMemory } from '../memory/index.ts';` }],
  },
  'clients/devices': {
    imports: [
      'clients/devices/host-service',
      'clients/devices/ivshmem',
      'clients/devices/net',
      'clients/devices/sound',
      'clients/agents/network',
      'clients/agents/audio',
      'clients/devices/base',
      'clients/devices/sys',
      'clients/devices/vhost-user',
      'clients/devices/vsock',
      'clients/sdk',
    ],
    breaking: [
      { 'clients/devices/devices.ts': `import { startBroker } from '../../broker/index.ts';` },
      { 'clients/devices/devices.ts': `import { seal } from '../../broker/channel/index.ts';` },
    ],
  },
  'clients/vm': {
    imports: ['clients/agents/guest', 'broker/base', 'broker/files', 'broker', 'keys', 'policy'],
    breaking: [{ 'clients/vm/qemu.ts': `import { Sessions } from '../../broker/service/index.ts';` }],
  },
  'clients/host': {
    imports: ['broker/base', 'broker/files', 'broker', 'keys', 'policy'],
    breaking: [{ 'clients/host/init.ts': `import { Sessions } from '../../broker/service/index.ts';` }],
  },
  'clients/machines': {
    imports: ['broker/base'],
    breaking: [{ 'clients/machines/machine.ts': `import { Host } from '../demo/vms/index.ts';` }],
  },
  'clients/demo': {
    imports: [
      'clients/machines',
      'clients/entry',
      'clients/sdk',
      'clients/agents/audio',
      'clients/agents/network',
      'clients/audit',
      'broker/base',
      'broker/wire',
      'broker/channel',
      'broker/record',
      'broker/audit',
      'broker/carrier',
      'broker',
      'keys',
      'policy',
    ],
    breaking: [{ 'clients/demo/rogue.ts': `import { sendv } from '../../broker/core/index.ts';` }],
  },
  'clients/audit': {
    imports: ['broker/base', 'broker/files', 'broker/record', 'broker/audit', 'keys', 'policy'],
    breaking: [{ 'clients/audit/table.ts': `import { startBroker } from '../../broker/index.ts';` }],
  },
  'clients/cli': {
    imports: [
      'broker/native',
      'broker/process',
      'clients/audit',
      'clients/entry',
      'clients/sdk',
      'clients/agents/audio',
      'clients/agents/network',
      'clients/agents/guest',
      'clients/host',
      'clients/vm',
      'clients/devices',
      'broker/base',
      'broker/files',
      'broker/config',
      'broker/record',
      'broker/audit',
      'broker/control',
      'broker',
      'keys',
      'policy',
    ],
    breaking: [{ 'clients/cli/commands/ring.ts': `import { Ring } from '../../../broker/core/index.ts';` }],
  },
};

/** The folders that the unit may import, or null if the unit is not in the table. */
export function allowedUnits(unit: string): readonly string[] | null {
  return Object.hasOwn(LAYERS, unit) ? (LAYERS[unit]?.imports ?? null) : null;
}

/** No sockets, files, clock or randomness of their own; these come in as arguments. */
export const PURE_UNITS: readonly string[] = [
  'clients/devices/virtqueue',
  'broker/wire',
  'broker/turns',
  'broker/channel',
  'broker/record',
  'broker/core',
];

export interface ModulePlace {
  readonly packageName: string;
  /** Folders that may import it. */
  readonly folders: readonly string[];
  /** The part of each folder that may import it. */
  readonly within: 'file' | 'folder' | 'any';
  readonly breaking: readonly Readonly<Record<string, string>>[];
}

/** Dependencies that are security-relevant, or that could shape the code, stay behind an interface of ours. */
export const MODULES: readonly ModulePlace[] = [
  {
    packageName: 'casbin',
    folders: ['policy'],
    within: 'file',
    breaking: [
      {
        'policy/decide/oracle.ts': `import { newEnforcer } from 'casbin';`,
        'policy/decide/avc.ts': `import { Enforcer } from 'casbin';`,
      },
      { 'broker/core/sendv.ts': `import type { Enforcer } from 'casbin';` },
    ],
  },
  {
    packageName: '@noble/ciphers',
    // Records of a session, and keys at rest.
    folders: ['keys/aead', 'keys/sealed'],
    within: 'file',
    breaking: [
      {
        'keys/aead/noble.ts': `import { gcm } from '@noble/ciphers/aes.js';`,
        'keys/aead/store.ts': `import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';`,
      },
      { 'keys/files/store.ts': `import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';` },
    ],
  },
  {
    packageName: 'shamir-secret-sharing',
    folders: ['keys/sealed'],
    within: 'file',
    breaking: [
      {
        'keys/sealed/shares.ts': `import { split } from 'shamir-secret-sharing';`,
        'keys/sealed/seal.ts': `import { combine } from 'shamir-secret-sharing';`,
      },
      { 'keys/files/at-rest/split-authority.ts': `import { split } from 'shamir-secret-sharing';` },
    ],
  },
  {
    // Native code: a rule of its own says where it is called.
    packageName: 'koffi',
    folders: ['broker/native'],
    within: 'file',
    breaking: [
      {
        'broker/native/koffi.ts': `import type * as Koffi from 'koffi';`,
        'broker/native/load.ts': `import { load } from 'koffi';`,
      },
      { 'broker/channel/protection.ts': `const koffi = require('koffi');` },
      { 'keys/aead/openssl.ts': `import type * as Koffi from 'koffi';` },
    ],
  },
  {
    // Not installed with Argus: everything else works without it.
    packageName: '@duckdb/node-api',
    folders: ['clients/audit'],
    within: 'file',
    breaking: [
      {
        'clients/audit/derived/duckdb.ts': `import type * as DuckDb from '@duckdb/node-api';`,
        'clients/audit/derived/answers.ts': `import { DOUBLE } from '@duckdb/node-api';`,
      },
      { 'clients/cli/commands/audit/indexed.ts': `const duckdb = await import('@duckdb/node-api');` },
    ],
  },
  {
    packageName: 'jose',
    folders: ['keys'],
    within: 'any',
    breaking: [{ 'broker/channel/hello.ts': `import { jwtVerify } from 'jose';` }],
  },
  {
    packageName: 'nats',
    // The carrier, and the stream of an audit log.
    folders: ['broker', 'clients/audit'],
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
      {
        'broker/service/log.ts': `import { pino } from 'pino';`,
        'broker/main.ts': `import type { Logger } from 'pino';`,
      },
    ],
  },
  {
    packageName: 'prom-client',
    folders: ['broker'],
    within: 'file',
    breaking: [{ 'clients/sdk/metrics.ts': `import { Counter } from 'prom-client';` }],
  },
];

/** The unit of a file: its nearest folder with a row in the table; else its own folder, which no rule allows. */
export function unitOf(path: string): string {
  const own = path.replace(/\/?[^/]*$/, '');
  for (let folder = own; folder !== ''; folder = folder.replace(/\/?[^/]*$/, '')) {
    // A row for a top folder covers only the files directly in it. It must not cover a subfolder without a row.
    if (Object.hasOwn(LAYERS, folder) && (folder.includes('/') || folder === own)) return folder;
  }
  return own;
}
