/** A man page of each command in the language of man(7), generated from the tree of commands. */
import type { Command } from 'commander';
import { exitCodesOf } from './exit-codes.ts';
import { helpTail, usageOf } from './help-text.ts';
import { visibleCommands } from './node.ts';

export interface ManPage {
  /** `argus-policy-check.1` */
  readonly file: string;
  readonly text: string;
}

export function manPages(program: Command, version: string): ManPage[] {
  return pagesOf(program, program.name(), version);
}

/** `argus policy check` has the page argus-policy-check(1), as git does it. */
function pagesOf(command: Command, path: string, version: string): ManPage[] {
  const page = { file: `${pageName(path)}.1`, text: pageOf(command, path, version) };
  return [page, ...visibleCommands(command).flatMap((each) => pagesOf(each, `${path} ${each.name()}`, version))];
}

function pageName(path: string): string {
  return path.replaceAll(' ', '-');
}

function pageOf(command: Command, path: string, version: string): string {
  const help = command.createHelp();
  const commands = visibleCommands(command);
  const tail = helpTail(command);
  const parent = path.split(' ').slice(0, -1).join(' ');
  const related = [...(parent === '' ? [] : [parent]), ...commands.map((each) => `${path} ${each.name()}`)];
  return [
    `.TH ${pageName(path).toUpperCase()} 1 "" "argus ${version}" "Argus"`,
    '.SH NAME',
    `${roff(pageName(path))} \\- ${roff(oneLine(command.description()))}`,
    '.SH SYNOPSIS',
    `.B ${roff(usageOf(command, path))}`,
    '.SH DESCRIPTION',
    `${roff(sentence(command.description()))}`,
    ...section('ARGUMENTS', help.visibleArguments(command), (each) => [`<${each.name()}>`, each.description]),
    ...section('OPTIONS', help.visibleOptions(command), (each) => [each.flags, help.optionDescription(each)]),
    ...section('COMMANDS', commands, (each) => [`${path} ${each.name()}`, each.description()]),
    ...(tail === '' ? [] : ['.SH NOTES', '.nf', ...tail.split('\n').map(roff), '.fi']),
    ...section('EXIT STATUS', exitCodesOf(path), ({ code, meaning }) => [String(code), meaning]),
    ...(related.length === 0
      ? []
      : ['.SH SEE ALSO', related.map((each) => `.BR ${roff(pageName(each))} (1)`).join(' ,\n')]),
    '',
  ].join('\n');
}

function section<T>(title: string, items: readonly T[], describe: (item: T) => readonly [string, string]): string[] {
  if (items.length === 0) return [];
  const entries = items.map(describe).flatMap(([term, about]) => ['.TP', `.B ${roff(term)}`, roff(sentence(about))]);
  return [`.SH ${title}`, ...entries];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function sentence(text: string): string {
  const line = oneLine(text);
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}

/** Nothing in a text is a request or an escape of roff. */
function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('’', '\\(cq').replaceAll('…', '...');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
