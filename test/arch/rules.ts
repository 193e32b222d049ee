/**
 * The architecture as a table of rules: each says what breaks it, and brings sources that do.
 *
 * A rule gets all sources at once and returns one line per violation. `breaking` are sets of invented sources; the test
 * runs each rule over each of its sets and expects a violation, so a rule that has gone blind fails as well.
 */
import { cycles } from './cycles.ts';
import { foreignTerms, privateWords, sharedNames } from './glossary.ts';
import { allowedUnits, LAYERS, MODULES, PURE_UNITS, unitOf } from './layers.ts';
import { type Import, isProduct, isTest, type Source } from './source.ts';

export interface Rule {
  readonly name: string;
  readonly violations: (sources: readonly Source[]) => string[];
  /** Path → text, one set per way to break the rule. */
  readonly breaking: readonly Readonly<Record<string, string>>[];
}

/** A rule about single imports: `check` returns the problem of an import, or null. */
function importRule(
  name: string,
  scope: (source: Source) => boolean,
  check: (one: Import, source: Source) => string | null,
  breaking: Rule['breaking'],
): Rule {
  const violations = (sources: readonly Source[]): string[] =>
    sources.filter(scope).flatMap((source) =>
      source.imports.flatMap((one) => {
        const wrong = check(one, source);
        return wrong === null ? [] : [`${source.path}: "${one.specifier}" ${wrong}`];
      }),
    );
  return { name, violations, breaking };
}

/** A rule about text: no match of `pattern` in the bare text of any file in scope. */
function textRule(name: string, scope: (source: Source) => boolean, pattern: RegExp, breaking: Rule['breaking']): Rule {
  const violations = (sources: readonly Source[]): string[] =>
    sources.filter(scope).flatMap((source) =>
      source.bare.split('\n').flatMap((line, index) => {
        const found = pattern.exec(line);
        return found === null ? [] : [`${source.path}:${index + 1}: "${found[0].trim()}"`];
      }),
    );
  return { name, violations, breaking };
}

const isPure = (source: Source): boolean => PURE_UNITS.includes(unitOf(source.path));

const layerRules: readonly Rule[] = Object.entries(LAYERS).map(([unit, layer]) =>
  importRule(
    `${unit} imports of the project only ${layer.imports.join(', ') || 'itself'}`,
    (source) => isProduct(source) && unitOf(source.path) === unit,
    (one) => {
      if (one.target === null) return null;
      const target = unitOf(one.target);
      if (target !== unit && !layer.imports.includes(target)) return `reaches into ${target}`;
      if (target !== unit && layer.typesOnly?.includes(target) && !one.isTypeOnly) return `must be an import type`;
      return null;
    },
    layer.breaking,
  ),
);

const everyUnitHasALayer: Rule = {
  name: 'every folder of the product has a row in the table of layers',
  violations: (sources) => {
    const units = new Set(sources.filter(isProduct).map((source) => unitOf(source.path)));
    return [...units].filter((unit) => allowedUnits(unit) === null).map((unit) => `no layer for "${unit}"`);
  },
  breaking: [{ 'broker/sideways/index.ts': '' }, { 'clients/toy/main.ts': '' }],
};

const moduleRules: readonly Rule[] = MODULES.map(({ packageName, folders, within, breaking }) => ({
  name: `${packageName} is imported in ${within === 'any' ? 'places' : `one ${within}`} of ${folders.join(', and in one of ')}`,
  violations: (sources) => {
    const users = sources
      .filter(isProduct)
      .filter((source) => source.imports.some((one) => one.packageName === packageName));
    const outside = users.filter((source) => !folders.some((folder) => source.path.startsWith(`${folder}/`)));
    const spread = folders.flatMap((folder) => {
      const inside = users.map((source) => source.path).filter((path) => path.startsWith(`${folder}/`));
      const places = new Set(inside.map((path) => (within === 'file' ? path : path.replace(/\/[^/]*$/, ''))));
      return within !== 'any' && places.size > 1 ? [`${packageName} is imported in ${[...places].join(' and ')}`] : [];
    });
    return [...outside.map((source) => `${source.path} may not import ${packageName}`), ...spread];
  },
  breaking,
}));

/** Such a file says at its head why its calls are safe. */
const nativeRule: Rule = {
  name: 'native code is called in one file of a room',
  violations: (sources) => {
    const users = sources.filter(isProduct).filter((source) => unitOf(source.path) !== 'broker/native');
    const callers = users
      .filter((source) => source.imports.some((one) => one.target !== null && unitOf(one.target) === 'broker/native'))
      .map((source) => source.path);
    return callers.filter((path) => callers.some((other) => other !== path && unitOf(other) === unitOf(path)));
  },
  breaking: [
    {
      'keys/aead/openssl.ts': `import { requireKoffi } from '../../broker/native/index.ts';`,
      'keys/aead/in-place.ts': `import type { Native } from '../../broker/native/index.ts';`,
    },
    {
      'broker/audit/sha256.ts': `import { requireKoffi } from '../native/index.ts';`,
      'broker/audit/verify/scan.ts': `const { requireKoffi } = await import('../../native/index.ts');`,
    },
  ],
};

const doorRule = importRule(
  'a folder is entered through its index.ts',
  isProduct,
  (one, source) => {
    if (one.target === null) return null;
    // Inside its own unit a file may import any file; from other units only their `index.ts`.
    if (unitOf(source.path) === unitOf(one.target)) return null;
    // No `index.ts` exports the function that makes permits. A rule of its own says which file may import it.
    if (source.path === 'policy/decide/avc.ts' && one.target === 'policy/contract/permit.ts') return null;
    if (one.target === `${unitOf(one.target)}/index.ts`) return null;
    return `goes past ${unitOf(one.target)}/index.ts`;
  },
  [
    { 'broker/core/sendv.ts': `import { readFrame } from '../wire/frame.ts';` },
    { 'broker/core/ring.ts': `import type { Permit } from '../../policy/contract/permit.ts';` },
    { 'clients/agents/audio/mixer/mixer.ts': `export { Ring } from '../../sdk/ring.ts';` },
    { 'broker/core/load.ts': `const wire = await import('../wire/frame.ts');` },
    { 'broker/broker.ts': `import { pcm } from './core/inspectors/index.ts';` },
  ],
);

const pureRules: readonly Rule[] = [
  importRule(
    'the ground floor and the wire import nothing of a platform, not even of node',
    (source) => ['broker/base', 'broker/wire'].includes(unitOf(source.path)),
    (one) => (one.target === null ? 'depends on a platform' : null),
    [
      { 'broker/base/addresses.ts': `import { isIPv4 } from 'node:net';` },
      { 'broker/wire/frame.ts': `import { Buffer } from 'node:buffer';` },
      { 'broker/wire/frame.ts': `import { z } from 'zod';` },
    ],
  ),
  importRule(
    'pure folders import of node only hashes, buffers and assertions',
    isPure,
    (one) => {
      if (!one.specifier.startsWith('node:')) return null;
      return /^node:(?:crypto|buffer|util|assert)$/.test(one.specifier) ? null : 'is input or output';
    },
    [
      { 'broker/core/log.ts': `import { writeFileSync } from 'node:fs';` },
      { 'broker/channel/socket.ts': `import type { Socket } from 'node:net';` },
      { 'broker/core/wait.ts': `import { setTimeout } from 'node:timers/promises';` },
      { 'broker/channel/run.ts': `const { spawn } = await import('node:child_process');` },
    ],
  ),
  importRule(
    'pure folders take randomness as an argument',
    isPure,
    (one) =>
      /\b(?:random\w*|getRandomValues|webcrypto|generateKey\w*)\b/.test(one.clause) ? 'brings randomness' : null,
    [
      { 'broker/channel/nonce.ts': `import { randomBytes } from 'node:crypto';` },
      { 'broker/core/id.ts': `import {\n  createHash,\n  randomUUID,\n} from 'node:crypto';` },
    ],
  ),
  textRule(
    'pure folders know no clock, randomness, process, timer or console',
    isPure,
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bperformance\.|\b(?:setTimeout|setInterval|setImmediate|fetch)\(|\bconsole\.|\bcrypto\.(?:getRandomValues|randomUUID|subtle)|\bglobalThis\b/,
    [
      { 'broker/core/a.ts': 'const at = Date.now();' },
      { 'broker/core/a.ts': 'const at = new Date();' },
      { 'broker/channel/a.ts': 'const id = Math.random();' },
      { 'broker/wire/a.ts': 'const pid = process.pid;' },
      { 'broker/core/a.ts': 'const text = `${process.env}`;' },
      { 'broker/core/a.ts': 'setTimeout(() => {}, 1);' },
      { 'broker/channel/a.ts': "console.log('hello');" },
    ],
  ),
  importRule(
    'pure folders use no package but the schema validator',
    isPure,
    (one) => (one.packageName !== null && one.packageName !== 'zod' ? 'is a dependency of the pure core' : null),
    [{ 'broker/core/policy.ts': `import { newEnforcer } from 'casbin';` }],
  ),
];

const monitorRules: readonly Rule[] = [
  textRule(
    'permits and denials are minted in policy/decide/avc.ts alone, tests included',
    (source) =>
      !['policy/decide/avc.ts', 'policy/contract/permit.ts'].includes(source.path) &&
      !source.path.startsWith('test/arch/'),
    /\bmint(?:Permit|Denial)\b/,
    [
      { 'policy/contract/index.ts': `export { mintPermit } from './permit.ts';` },
      { 'broker/core/sendv.ts': `import { mintDenial } from '../../policy/contract/permit.ts';` },
      {
        'test/core/sendv.test.ts': `import * as permit from '../../policy/contract/permit.ts';\npermit.mintPermit(asked, audit);`,
      },
    ],
  ),
  textRule(
    'whether a message may pass is asked in broker/core/mediation.ts alone',
    (source) => unitOf(source.path) === 'broker/core' && source.path !== 'broker/core/mediation.ts',
    /\bmonitor\.(?:send|vector|malformed)\(|\.decisions\[|\.inspect\(/,
    [
      { 'broker/core/withdrawals.ts': 'const send = monitor.send(sender.domain, receiver.domain);' },
      { 'broker/core/argo.ts': 'const decision = vector.decisions[inspector.inspect(bytes, 0, 9, domain)];' },
    ],
  ),
  textRule('nothing is cast to a permit or a denial', isProduct, /\bas (?:Permit|Denial|Decision)\b/, [
    { 'broker/core/sendv.ts': 'const permit = {} as Permit;' },
    { 'broker/core/sendv.ts': 'const permit = asked as unknown as Permit;' },
  ]),
  {
    name: 'enforce is called only where casbin is imported, loadPolicy nowhere',
    violations: (sources) =>
      sources.filter(isProduct).flatMap((source) => {
        const isOracle = source.imports.some((one) => one.packageName === 'casbin');
        const pattern = isOracle ? /\.loadPolicy\(/ : /\.enforce\w*\(|\.loadPolicy\(/;
        const found = pattern.exec(source.bare);
        return found === null ? [] : [`${source.path}: "${found[0]}"`];
      }),
    breaking: [
      { 'broker/core/sendv.ts': 'enforcer.enforceSync(a, b);' },
      { 'policy/decide/oracle.ts': `import { newEnforcer } from 'casbin';\nawait enforcer.loadPolicy();` },
    ],
  },
];

const glossaryRules: readonly Rule[] = [
  {
    name: 'an exported name uses the words of its own room',
    violations: foreignTerms,
    breaking: [
      { 'clients/sdk/link.ts': 'export class Link {}' },
      { 'broker/federation/peers.ts': 'export const MAX_PEERS = 3;' },
      { 'broker/core/permits.ts': 'export function permitOf() {}' },
    ],
  },
  {
    name: 'names of files and exports are words of the field',
    violations: privateWords,
    breaking: [
      { 'broker/core/world.ts': '' },
      { 'broker/core/state.ts': 'export class CoreWorld {}' },
      { 'test/nats/fixture.ts': 'export async function openStage() {}' },
      { 'bench/limits.ts': 'export const MAX_ACTORS = 3;' },
    ],
  },
  {
    name: 'a type is exported under one name by one file',
    violations: sharedNames,
    breaking: [{ 'broker/core/a.ts': 'export interface Answer {}', 'clients/sdk/b.ts': 'export type Answer = 1;' }],
  },
];

/** Files that rename something else than the new content of a file: directories, sockets, locks, names that are free. */
const RENAMING = [
  'broker/files/create-file.ts',
  'broker/files/replace-file.ts',
  'broker/audit/files/lock.ts',
  'broker/audit/files/packed-segment.ts',
  'broker/carrier/vmm-directory.ts',
  'clients/host/init.ts',
  'clients/machines/image/build.ts',
  'clients/machines/image/newer.ts',
  'clients/machines/image/packages.ts',
  'keys/files/rotation/identity-rotation.ts',
  'policy/load/install.ts',
];

const treeRules: readonly Rule[] = [
  textRule(
    'a file is replaced in broker/files alone',
    (source) => isProduct(source) && !RENAMING.includes(source.path),
    /\brename(?:Sync)?\(/,
    [
      { 'keys/files/registry.ts': 'await rename(fresh, path);' },
      { 'clients/cli/commands/audit/records/list.ts': 'renameSync(fresh, file);' },
    ],
  ),
  {
    name: 'there are no import cycles, types included',
    violations: (sources) => cycles(sources).map((cycle) => cycle.join(' -> ')),
    breaking: [
      { 'keys/aead/a.ts': `import './b.ts';`, 'keys/aead/b.ts': `import type { A } from './a.ts';` },
      {
        'keys/aead/a.ts': `export { b } from './b.ts';`,
        'keys/aead/b.ts': `import { c } from './c.ts';`,
        'keys/aead/c.ts': `const a = await import('./a.ts');`,
      },
    ],
  },
  textRule('there are no default exports', () => true, /\bexport\s+default\b|\bas default\b/, [
    { 'keys/aead/a.ts': 'export default class Key {}' },
    { 'keys/aead/a.ts': 'export { key as default };' },
  ]),
  textRule('nothing is re-exported wholesale', () => true, /\bexport\s*(?:type\s*)?\*/, [
    { 'keys/index.ts': `export * from './aead.ts';` },
    { 'keys/index.ts': `export type * from './aead.ts';` },
    { 'keys/index.ts': `export * as aead from './aead.ts';` },
  ]),
  {
    name: 'a door holds named re-exports and no logic',
    violations: (sources) =>
      sources
        .filter((source) => isProduct(source) && source.path.endsWith('/index.ts'))
        .flatMap((source) => {
          const rest = source.bare.replace(/\bexport\s+(?:type\s+)?\{[^}]*\}\s*from\s*(['"])[^'"]*\1\s*;?/g, '').trim();
          return rest === '' ? [] : [`${source.path}: "${rest.split('\n')[0]}"`];
        }),
    breaking: [
      { 'keys/index.ts': 'export const SUITES = [];' },
      { 'keys/index.ts': `export { aead } from './aead.ts';\nexport function seal(): void {}` },
    ],
  },
  importRule(
    'nothing but tests and the bench imports test/',
    isProduct,
    (one) => (one.target?.startsWith('test/') ? 'is test code' : null),
    [{ 'broker/main.ts': `import { FakeClock } from '../test/support/clock.ts';` }],
  ),
  importRule(
    'nothing but tests imports test tools',
    isProduct,
    (one) =>
      ['uvu', 'fast-check', 'tsx', 'mqtt'].includes(one.packageName ?? '') ? 'is a development dependency' : null,
    [{ 'keys/aead/check.ts': `import * as assert from 'uvu/assert';` }],
  ),
  {
    name: 'no file outside test/ has an empty name',
    violations: (sources) =>
      sources
        .filter((source) => !isTest(source))
        .map((source) => source.path)
        .filter((path) => /(?:^|\/)(?:utils?|common|helpers?|misc|shared|types)(?:\.ts|\/)/.test(path)),
    breaking: [{ 'broker/utils.ts': '' }, { 'keys/common/index.ts': '' }, { 'bench/helpers.ts': '' }],
  },
  {
    name: 'files are named in kebab-case',
    violations: (sources) =>
      sources.map((source) => source.path).filter((path) => !/^(?:[a-z0-9]+(?:[-.][a-z0-9]+)*\/?)+$/.test(path)),
    breaking: [
      { 'broker/core/ringBuffer.ts': '' },
      { 'broker/core/Ring.ts': '' },
      { 'broker/core/ring_buffer.ts': '' },
    ],
  },
  {
    name: 'every file of the product opens with a comment that says what it is',
    violations: (sources) =>
      sources
        .filter(isProduct)
        .filter((source) => !/^(?:#![^\n]*\n)?\s*\/\*\*/.test(source.text) && !source.path.endsWith('/index.ts'))
        .map((source) => source.path),
    breaking: [{ 'broker/core/ring.ts': 'export const ONE = 1;' }],
  },
  textRule(
    'there are no enums and no namespaces',
    () => true,
    /\b(?:const\s+)?enum\s+\w+\s*\{|\bnamespace\s+\w+\s*\{/,
    [{ 'broker/wire/op.ts': 'export enum Op { Sendv }' }, { 'broker/wire/op.ts': 'export const enum Op { Sendv }' }],
  ),
];

export const RULES: readonly Rule[] = [
  ...layerRules,
  everyUnitHasALayer,
  doorRule,
  nativeRule,
  ...moduleRules,
  ...pureRules,
  ...monitorRules,
  ...glossaryRules,
  ...treeRules,
];
