/** The flake: what it offers, the broker's module against the unit of the Debian package, and the host of docs/hosts.md. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fragment } from '../../clients/vm/index.ts';
import { needs } from '../support/needs.ts';
import { evaluateNix, type NixUnit, serviceLinesIn, serviceLinesOf } from '../support/nix.ts';
import { WORKING_TREE } from '../support/program.ts';
import { temporaryDirectory } from '../support/temp.ts';

const nix = suite('nix');
const withNix = needs('nix-instantiate', 'nix-bin');

const rootOf = (path: string): string => `${WORKING_TREE.replace(/\/$/, '')}/${path}`;
const FLAKE = `(import ${rootOf('flake.nix')}).outputs { self = { }; }`;
const UNIT = readFileSync(
  fileURLToPath(new URL('../../clients/host/debian/argus-broker.service', import.meta.url)),
  'utf8',
);

const lineOf = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(UNIT)?.[1] ?? '';

withNix(nix, 'the broker’s module starts it as the unit of the Debian package does', () => {
  const { off, on } = evaluateNix(`
    let of = cfg: ((${FLAKE}).nixosModules.argus-broker {
      inherit lib pkgs; config.services.argus-broker = { deb = "/argus.deb"; host = "/var/lib/argus/host"; } // cfg;
    }).config;
    in { off = of { enable = false; }; on = of { enable = true; }; }`) as {
    readonly off: object;
    readonly on: {
      readonly environment: { readonly systemPackages: readonly string[] };
      readonly users: { readonly users: { readonly argus: object }; readonly groups: object };
      readonly systemd: { readonly services: { readonly 'argus-broker': NixUnit } };
    };
  };
  assert.equal(off, {});
  const unit = on.systemd.services['argus-broker'];
  assert.equal(serviceLinesOf(unit), serviceLinesIn(UNIT));
  assert.is(unit.description, lineOf('Description'));
  assert.equal(unit.after, [lineOf('After')]);
  assert.equal(unit.wantedBy, [lineOf('WantedBy')]);
  assert.equal(unit.unitConfig, { ConditionPathExists: lineOf('ConditionPathExists') });
  const { ExecStart, ExecReload } = unit.serviceConfig;
  assert.is(ExecStart, lineOf('ExecStart').replace('/usr/bin', '/argus-broker/bin'));
  assert.is(ExecReload, lineOf('ExecReload').replace('/bin', '/coreutils/bin'));
  assert.equal(on.environment.systemPackages, ['/argus-broker']);
  assert.equal(on.users, {
    users: { argus: { isSystemUser: true, group: 'argus', home: '/var/lib/argus' } },
    groups: { argus: {} },
  });
});

withNix(nix, 'the host in docs/hosts.md sets options that the modules have, with the words for its hypervisor', () => {
  const docs = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
  const [, block = ''] = /```nix\n([\s\S]*?)```/.exec(docs) ?? [];
  const { host, guest, own, agents } = evaluateNix(`
    let
      argus = ${FLAKE};
      example = ${block.replace(/\.\/[\w.-]+/g, '"/a-file"')};
      outputs = example.outputs {
        self = { }; inherit argus;
        nixpkgs.lib.nixosSystem = system: system;
        microvm.nixosModules.host = { };
      };
      settings = builtins.foldl' (all: each: if builtins.isFunction each then all else all // each) { } outputs.nixosConfigurations.host.modules;
      vm = settings.microvm.vms.chrome-vm.config;
      optionsOf = module: name: builtins.attrNames (module { inherit lib pkgs; config.services.\${name} = { }; }).options.services.\${name};
    in {
      host = builtins.attrNames settings.services.argus-broker;
      own = optionsOf argus.nixosModules.argus-broker "argus-broker";
      guest = { options = builtins.attrNames vm.services.argus-agent; microvm = vm.microvm; modules = builtins.length vm.imports; };
      agents = optionsOf argus.nixosModules.argus-agent "argus-agent";
    }`) as {
    readonly host: readonly string[];
    readonly own: readonly string[];
    readonly guest: { readonly options: readonly string[]; readonly microvm: object; readonly modules: number };
    readonly agents: readonly string[];
  };
  for (const option of host) assert.ok(own.includes(option), option);
  for (const option of guest.options) assert.ok(agents.includes(option), option);
  assert.is(guest.modules, 1);
  const printed = fragment('microvm.nix', {
    kind: 'serial',
    domain: 'chrome-vm',
    path: '/run/argus/chrome-vm.sock',
    vmmListens: false,
  });
  assert.equal({ microvm: guest.microvm }, evaluateNix(`{ ${printed} }`));
});

withNix(nix, 'nix itself takes it for a flake with two modules, in a store of its own and without a network', () => {
  const [flake, store, home] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
  const modules = [...readFileSync(rootOf('flake.nix'), 'utf8').matchAll(/import \.\/(\S+);/g)];
  // A flake is copied as a whole, so it is only what it imports.
  for (const path of ['flake.nix', ...modules.map(([, path = '']) => path)]) {
    mkdirSync(dirname(join(flake, path)), { recursive: true });
    cpSync(rootOf(path), join(flake, path));
  }
  const run = (...words: readonly string[]): string =>
    execFileSync(
      'nix',
      ['--extra-experimental-features', 'nix-command flakes', '--store', store, '--offline', 'flake', ...words],
      { encoding: 'utf8', env: { ...process.env, HOME: home }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
  run('check', '--no-build', `path:${flake}`);
  assert.equal(JSON.parse(run('show', '--json', `path:${flake}`)), {
    nixosModules: { 'argus-agent': { type: 'nixos-module' }, 'argus-broker': { type: 'nixos-module' } },
  });
});

nix.run();
