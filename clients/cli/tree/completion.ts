/**
 * Completion scripts for shells, generated from the program's own commands: nothing is started when TAB is pressed, and
 * nothing has to be kept in step by hand.
 *
 * A library for this would be one more package at run time of a program that is trusted with keys; the need is a walk over
 * the commands and three templates.
 */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  readonly text: string;
  readonly about: string;
}

/** What can follow after `path`, e.g. after "argus keys". */
interface Place {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, program.name());
  switch (shell) {
    case 'bash':
      return bash(program.name(), places);
    case 'zsh':
      return zsh(program.name(), places);
    case 'fish':
      return fish(program.name(), places);
  }
}

function placesOf(command: Command, path: string): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  const options = help.visibleOptions(command);
  const place: Place = {
    path,
    commands: commands.map((each) => ({ text: each.name(), about: firstSentence(each.description()) })),
    options: options.flatMap(({ long, description }) =>
      typeof long === 'string' ? [{ text: long, about: firstSentence(description) }] : [],
    ),
  };
  return [place, ...commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`))];
}

function firstSentence(text: string): string {
  return text.split(/[;:\n]/)[0]?.trim() ?? '';
}

/** In single quotes; bash, zsh and fish agree that nothing is special in them but the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The words so far that are commands make the path; options and arguments are passed over. */
function subcommandPaths(places: readonly Place[]): string[] {
  return places.slice(1).map(({ path }) => quoted(path));
}

function bash(name: string, places: readonly Place[]): string {
  const cases = places.map(
    ({ path, commands, options }) =>
      `    ${quoted(path)}) words=${quoted([...commands, ...options].map(({ text }) => text).join(' '))} ;;`,
  );
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local at=${name} word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${subcommandPaths(places).join('|')}) at="$at $word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, places: readonly Place[]): string {
  const cases = places.map(({ path, commands, options }) => {
    const described = [...commands, ...options].map(({ text, about }) => quoted(`${text}:${about}`));
    return `    ${quoted(path)}) candidates=(${described.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
_${name}() {
  local at=${name} word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      ${subcommandPaths(places).join('|')}) at="$at $word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  _describe ${quoted(name)} candidates || _files
}
compdef _${name} ${name}
`;
}

function fish(name: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options }) => {
    const here = `complete -c ${name} -n ${quoted(`__${name}_at "${path}"`)}`;
    return [
      ...commands.map(({ text, about }) => `${here} -f -a ${text} -d ${quoted(about)}`),
      ...options.map(({ text, about }) => `${here} -l ${text.replace(/^--/, '')} -d ${quoted(about)}`),
    ];
  });
  return `# fish completion of ${name}: ${name} completion fish | source
function __${name}_at
  set -l at ${name}
  for word in (commandline -opc)[2..]
    switch "$at $word"
      case ${subcommandPaths(places).join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}
