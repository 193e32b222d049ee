/**
 * A mutant is one line of the product, broken on purpose, with the promise that the line keeps and the tests that must
 * fail without it.
 *
 * The line is found by a short piece of its text, in a file or in a whole room (a path that ends in `/`), so that a row
 * outlives moves and renames. A piece that matches no line, or more than one, is an error: the row has to be repaired.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PromiseName } from './promises.ts';

export interface Mutant {
  /** A file, or a room: a path that ends in `/`. Tests are never searched. */
  readonly in: string;
  /** A piece of exactly one line. */
  readonly find: string;
  /** What stands in its place; the rest of the line stays. */
  readonly replace: string;
  readonly promise: PromiseName;
  /** Test files. At least one of them must fail; a row names the fastest that do. */
  readonly tests: readonly string[];
}

/** What is needed to break it. */
export type BrokenLine = Pick<Mutant, 'in' | 'find' | 'replace'>;

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** The whole source with the line broken, and where it is. */
export interface Mutation {
  readonly place: Place;
  readonly source: string;
}

/** @throws Error when the pattern does not match exactly one line, or when it changes nothing. */
export function applyMutant(root: string, mutant: BrokenLine): Mutation {
  const places = sourcesIn(root, mutant.in).flatMap((file) => placesOf(root, file, mutant.find));
  const [place] = places;
  if (place === undefined || places.length > 1) {
    const lines = places.map(({ file, line }) => `${file}:${line}`).join(', ');
    throw new Error(`"${mutant.find}" matches ${places.length} lines in ${mutant.in} (must be 1) ${lines}`.trimEnd());
  }
  const changed = place.text.replace(mutant.find, () => mutant.replace);
  if (changed === place.text) throw new Error(`"${mutant.find}" in ${mutant.in}: the replacement changes nothing`);
  const lines = readFileSync(join(root, place.file), 'utf8').split('\n');
  lines[place.line - 1] = changed;
  return { place, source: lines.join('\n') };
}

function sourcesIn(root: string, path: string): string[] {
  if (!path.endsWith('/')) return statSync(join(root, path), { throwIfNoEntry: false }) === undefined ? [] : [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !existsSync(file.replace(/\.js$/, '.ts')) || file.endsWith('.ts')) // not what was compiled
    .map((file) => file.slice(join(root, '/').length))
    .sort();
}

function placesOf(root: string, file: string, piece: string): Place[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((text, at) => (text.includes(piece) ? [{ file, line: at + 1, text }] : []));
}
