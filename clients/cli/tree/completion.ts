/**
 * Completion scripts for shells, generated from the program's own commands, so that nothing has to be kept in step by hand.
 *
 * Commands, options and fixed choices stand in the script. Domains, labels and classes are asked from `argus known-values`
 * when TAB is pressed, because the policy may have changed since the shell was started. Its answer consists of names whose
 * grammar the policy loader has checked: shells expand the words that they are given.
 *
 * A library for this would be one more package at run time of a program that is trusted with keys; the need is a walk over
 * the commands and three templates.
 */
import type { Command } from 'commander';
import { type CommandNode, nodesOf, type Values } from './node.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program);
  switch (shell) {
    case 'bash':
      return bash(program.name(), nodes);
    case 'zsh':
      return zsh(program.name(), nodes);
    case 'fish':
      return fish(program.name(), nodes);
  }
}

/** In single quotes; bash, zsh and fish agree that nothing is special in them but the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Which shell code gives the values; null: the shell offers files. */
function valueCode(name: string, values: Values, assign: (code: string) => string): string | null {
  if (values.kind === 'words') return assign(values.words.join(' '));
  return values.kind === 'known' ? assign(`$(${name} known-values ${values.known} 2>/dev/null)`) : null;
}

/** Rows of a `case` on "PATH --option": the values that follow the option. Without a row, files. */
function optionRows(name: string, nodes: readonly CommandNode[], assign: (code: string) => string): string[] {
  return nodes.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) => {
      const code = values === null ? null : valueCode(name, values, assign);
      return code === null ? [] : [`${flags.map((flag) => quoted(`${path} ${flag}`)).join('|')}) ${code} ;;`];
    }),
  );
}

/** Rows of a `case` on "PATH#POSITION": the values at the position of an argument. */
function argumentRows(name: string, nodes: readonly CommandNode[], assign: (code: string) => string): string[] {
  return nodes.flatMap(({ path, arguments: positions }) =>
    positions.flatMap(({ values, isVariadic }, index) => {
      const code = valueCode(name, values, assign);
      const pattern = isVariadic ? `${quoted(`${path}#`)}*` : quoted(`${path}#${index}`);
      return code === null ? [] : [`${pattern}) ${code} ;;`];
    }),
  );
}

/** Pattern of all command paths below the program. */
function pathPattern(nodes: readonly CommandNode[]): string {
  return nodes
    .slice(1)
    .map(({ path }) => quoted(path))
    .join('|');
}

/** Pattern of all "PATH --option" whose next word is the option's value. */
function valuePattern(nodes: readonly CommandNode[]): string {
  const patterns = nodes.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) => (values === null ? [] : flags.map((flag) => quoted(`${path} ${flag}`)))),
  );
  return patterns.join('|');
}

function lines(rows: readonly string[], indent: string): string {
  return rows.map((row) => `${indent}${row}`).join('\n');
}

function bash(name: string, nodes: readonly CommandNode[]): string {
  const assign = (code: string): string => `words="$words ${code}"`;
  const cases = nodes.map(({ path, commands, options }) => {
    const all = [...commands.map(({ text }) => text), ...options.map(({ flags }) => flags.at(-1))];
    return `${quoted(path)}) words=${quoted(all.join(' '))} ;;`;
  });
  // Bash takes "@" for the start of a host name and cuts "@mic" into two words.
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local at=${name} word words= option= position=0 given=() current
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#given[@]} -gt 0 && \${given[-1]} == @ && $word != @ ]]; then given[-1]="@$word"; else given+=("$word"); fi
  done
  current=\${given[-1]}
  unset 'given[-1]'
  for word in "\${given[@]}"; do
    if [[ -n $option ]]; then option=; continue; fi
    case "$at $word" in
      ${pathPattern(nodes)}) at="$at $word"; position=0; continue ;;
      ${valuePattern(nodes)}) option=$word; continue ;;
    esac
    [[ $word == -* ]] || position=$((position + 1))
  done
  if [[ -n $option ]]; then
    case "$at $option" in
${lines(optionRows(name, nodes, assign), '      ')}
    esac
  else
    case "$at" in
${lines(cases, '      ')}
    esac
    if [[ $current != -* ]]; then
      case "$at#$position" in
${lines(argumentRows(name, nodes, assign), '        ')}
      esac
    fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $current == @* && $COMP_WORDBREAKS == *@* ]]; then COMPREPLY=("\${COMPREPLY[@]#@}"); fi
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, nodes: readonly CommandNode[]): string {
  const assign = (code: string): string => `candidates+=(${code.startsWith('$') ? `\${(f)"${code}"}` : code})`;
  const described = (text: string, about: string): string => quoted(`${text.replaceAll(':', '\\:')}:${about}`);
  const cases = nodes.map(({ path, commands, options }) => {
    const all = [
      ...commands.map(({ text, about }) => described(text, about)),
      ...options.map(({ flags, about }) => described(flags.at(-1) ?? '', about)),
    ];
    return `${quoted(path)}) candidates=(${all.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
_${name}() {
  local at=${name} word option= position=0
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $option ]]; then option=; continue; fi
    case "$at $word" in
      ${pathPattern(nodes)}) at="$at $word"; position=0; continue ;;
      ${valuePattern(nodes)}) option=$word; continue ;;
    esac
    [[ $word == -* ]] || position=$((position + 1))
  done
  if [[ -n $option ]]; then
    case "$at $option" in
${lines(optionRows(name, nodes, assign), '      ')}
    esac
  else
    case "$at" in
${lines(cases, '      ')}
    esac
    case "$at#$position" in
${lines(argumentRows(name, nodes, assign), '      ')}
    esac
  fi
  if (( \${#candidates} )); then _describe ${quoted(name)} candidates || _files; else _files; fi
}
compdef _${name} ${name}
`;
}

function fish(name: string, nodes: readonly CommandNode[]): string {
  const answers = (values: Values): string =>
    valueCode(name, values, (code) => (code.startsWith('$') ? code.slice(1) : code)) ?? '';
  const rows = nodes.flatMap(({ path, commands, options, arguments: positions }) => {
    const here = `complete -c ${name} -n ${quoted(`__${name}_at "${path}"`)}`;
    return [
      ...commands.map(({ text, about }) => `${here} -f -a ${text} -d ${quoted(about)}`),
      ...options.map(({ flags, about, values }) => {
        const words = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
        const code = values === null ? '' : answers(values);
        const taken = values === null ? '' : code === '' ? ' -r' : ` -x -a ${quoted(code)}`;
        return `${here} ${words.join(' ')} -d ${quoted(about)}${taken}`;
      }),
      ...positions.flatMap(({ values, isVariadic }, index) => {
        const code = answers(values);
        const node = isVariadic ? '' : ` ${index}`;
        const when = quoted(`__${name}_at "${path}"${node}`);
        return code === '' ? [] : [`complete -c ${name} -n ${when} -f -a ${quoted(code)}`];
      }),
    ];
  });
  const fishPattern = (pattern: string): string => pattern.replaceAll("'|'", "' '");
  return `# fish completion of ${name}: ${name} completion fish | source
function __${name}_at
  set -l at ${name}
  set -l position 0
  set -l option
  for word in (commandline -opc)[2..]
    if test -n "$option"
      set option
      continue
    end
    switch "$at $word"
      case ${fishPattern(pathPattern(nodes))}
        set at "$at $word"
        set position 0
      case ${fishPattern(valuePattern(nodes))}
        set option $word
      case '* -*'
      case '*'
        set position (math $position + 1)
    end
  end
  test "$at" = "$argv[1]"; and begin
    test (count $argv) -lt 2; or test $position = "$argv[2]"
  end
end
${rows.join('\n')}
`;
}
