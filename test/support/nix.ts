/** Evaluates Nix without nixpkgs, which Debian does not have: the stub has only the functions that our modules call. */
import { execFileSync } from 'node:child_process';

/** `lib` and `pkgs`: values stay what they are, and `callPackage` fills a function from `pkgs`. */
const NIXPKGS = `
rec {
  lib = {
    mkEnableOption = description: { inherit description; };
    mkOption = option: option;
    mkDefault = value: value;
    mkIf = condition: content: if condition then content else { };
    optionals = condition: list: if condition then list else [ ];
    types = { path = "path"; str = "str"; };
  };
  pkgs = {
    nodejs = "/node"; iproute2 = "/iproute2"; perl = "/perl"; coreutils = "/coreutils"; dpkg = "/dpkg";
    formats.yaml = _: { type = "yaml"; generate = name: value: "/\${name}"; };
    runCommand = name: attributes: script: "/\${name}";
    callPackage = file: arguments:
      let function = import file; in function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);
  };
}`;

/** The value of an expression in which `lib` and `pkgs` are those of the stub. */
export function evaluateNix(expression: string): unknown {
  const args = ['--eval', '--strict', '--json', '--store', 'dummy://', '-E', `with ${NIXPKGS}; ${expression}`];
  return JSON.parse(execFileSync('nix-instantiate', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Of a NixOS service. */
export interface NixUnit {
  readonly description: string;
  readonly after: readonly string[];
  readonly wantedBy: readonly string[];
  readonly unitConfig: Readonly<Record<string, unknown>>;
  readonly serviceConfig: Readonly<Record<string, unknown>>;
  readonly path: readonly string[];
}

/** The lines that NixOS writes for [Service], sorted, without ExecStart and ExecReload, whose programs are in the store. */
export function serviceLinesOf({ serviceConfig }: Pick<NixUnit, 'serviceConfig'>): readonly string[] {
  return Object.entries(serviceConfig)
    .filter(([key]) => !key.startsWith('Exec'))
    .map(([key, value]) => `${key}=${wordOf(value)}`)
    .sort();
}

/** The same lines of units and drop-ins. A setting that is given several times is a list. */
export function serviceLinesIn(...units: readonly string[]): readonly string[] {
  const settings = new Map<string, string>();
  for (const unit of units) {
    const [, section = ''] = /\[Service\]\n([\s\S]*?)(?=\n\[|$)/.exec(unit) ?? [];
    for (const [, key = '', value = ''] of section.matchAll(/^(\w+)=(.*)$/gm)) {
      const before = LISTS.has(key) ? settings.get(key) : undefined;
      settings.set(key, before === undefined ? value : `${before} ${value}`);
    }
  }
  return [...settings].flatMap(([key, value]) => (key.startsWith('Exec') ? [] : [`${key}=${value}`])).sort();
}

const LISTS: ReadonlySet<string> = new Set(['RestrictAddressFamilies', 'SystemCallFilter']);

function wordOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(' ') : String(value);
}
