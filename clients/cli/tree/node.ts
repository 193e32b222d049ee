/** The tree of commands as completion, man pages and the reference read it: one node for each command. */
import type { Argument, Command, Option } from 'commander';
import { type ValueKind, valueKind } from './value-kind.ts';

/** A word that can stand here. */
export interface Word {
  readonly text: string;
  readonly about: string;
}

/** The values after an option, or at a position. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'known'; readonly known: ValueKind }
  | { readonly kind: 'any' };

export interface NodeOption {
  readonly flags: readonly string[];
  readonly about: string;
  /** Null: a switch. */
  readonly values: Values | null;
}

export interface NodeArgument {
  readonly isVariadic: boolean;
  readonly values: Values;
}

/** The words that can follow `path`, e.g. "argus keys". */
export interface CommandNode {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly NodeOption[];
  readonly arguments: readonly NodeArgument[];
}

export function nodesOf(command: Command, path = command.name()): CommandNode[] {
  const commands = visibleCommands(command);
  const node: CommandNode = {
    path,
    commands: commands.map((each) => ({ text: each.name(), about: firstSentence(each.description()) })),
    options: command.createHelp().visibleOptions(command).map(optionOf),
    arguments: command.registeredArguments.map((argument) => ({
      isVariadic: argument.variadic,
      values: valuesOf(argument, argument.name()),
    })),
  };
  return [node, ...commands.flatMap((each) => nodesOf(each, `${path} ${each.name()}`))];
}

/** Commands that a person is shown; "help" is one that commander adds. */
export function visibleCommands(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
}

function optionOf(option: Option): NodeOption {
  const { short, long, description } = option;
  const placeholder = /[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1];
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    about: firstSentence(description),
    values: placeholder === undefined ? null : valuesOf(option, placeholder),
  };
}

function valuesOf({ argChoices }: Option | Argument, placeholder: string): Values {
  if (argChoices !== undefined) return { kind: 'words', words: argChoices };
  const known = valueKind(placeholder);
  return known === null ? { kind: 'any' } : { kind: 'known', known };
}

function firstSentence(text: string): string {
  return text.split(/[;:\n]/)[0]?.trim() ?? '';
}
