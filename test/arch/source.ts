/** The sources of the project as the rules see them: path, bare text, imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { bare } from './bare.ts';

export interface Import {
  /** As written: `../wire/index.ts`, `node:fs`, `@noble/ciphers/aes.js`. */
  readonly specifier: string;
  /** Path from the root of the project, when the specifier is relative; null for packages and `node:`. */
  readonly target: string | null;
  /** Package name, when it is one: `@noble/ciphers`. */
  readonly packageName: string | null;
  /** What stands between `import` and `from`. */
  readonly clause: string;
  readonly isTypeOnly: boolean;
}

export interface Source {
  /** From the root of the project, with slashes: `broker/wire/frame.ts`. */
  readonly path: string;
  readonly text: string;
  readonly bare: string;
  readonly imports: readonly Import[];
}

export const FOLDERS: readonly string[] = ['broker', 'policy', 'clients', 'keys', 'bench', 'test'];
/** `import … from`, `export … from`, `import '…'`, `import('…')`, `require('…')`; in bare text, so never in a string. */
const IMPORTS = [
  /\b(?:import|export)\b([^;'"`()=]*?)\bfrom\s*(['"])/g,
  /\bimport\b()\s*(['"])/g,
  /\bimport\b()\s*\(\s*(['"`])/g,
  /\brequire\b()\s*\(\s*(['"`])/g,
];

export function readSources(root: string): Source[] {
  const sources: Source[] = [];
  for (const folder of FOLDERS) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[cm]?[jt]s$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      sources.push(parseSource(relative(root, file).split(sep).join('/'), readFileSync(file, 'utf8')));
    }
  }
  return sources;
}

export function parseSource(path: string, text: string): Source {
  const bareText = bare(text);
  const imports: Import[] = [];
  for (const pattern of IMPORTS) {
    for (const match of bareText.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const end = bareText.indexOf(match[2] ?? '', start);
      imports.push(toImport(path, text.slice(start, end), (match[1] ?? '').trim()));
    }
  }
  return { path, text, bare: bareText, imports };
}

function toImport(path: string, specifier: string, clause: string): Import {
  const isRelative = specifier.startsWith('.');
  const target = isRelative ? posix.join(posix.dirname(path), specifier) : null;
  const isPackage = !isRelative && !specifier.startsWith('node:');
  const parts = specifier.split('/');
  const packageName = isPackage ? parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') : null;
  return { specifier, target, packageName, clause, isTypeOnly: clause.startsWith('type ') };
}

export function isTest(source: Source): boolean {
  return source.path.startsWith('test/');
}

/** Product and bench: what the layering rules bind. */
export function isProduct(source: Source): boolean {
  return !isTest(source) && !source.path.startsWith('bench/');
}
