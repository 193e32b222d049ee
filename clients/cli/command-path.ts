/** The words that call a command, from the program's name on: argus, net, link. */
import type { Command } from 'commander';

export function pathOf(command: Command): readonly string[] {
  return command.parent === null ? [command.name()] : [...pathOf(command.parent), command.name()];
}
